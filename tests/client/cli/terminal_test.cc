#include "client/cli/terminal.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

// "up down q": each key by its name or its character.
std::string Names(const std::vector<Key>& keys) {
  const char* const names[] = {"",      "up",     "down",
                               "enter", "escape", "interrupt"};
  std::string text;
  for (const Key& key : keys) {
    if (!text.empty()) text += ' ';
    text += key.kind == Key::kCharacter ? std::string(1, key.character)
                                        : names[key.kind];
  }
  return text;
}

std::string KeysOf(std::string sent, bool more_may_come = true) {
  return Names(ParseKeys(sent, more_may_come));
}

TEST(ParseKeysTest, KnowsCharactersAndArrows) {
  EXPECT_EQ(KeysOf("qy\r\x03"), "q y enter interrupt");
  EXPECT_EQ(KeysOf("\x1b[A\x1b[B"), "up down");
  EXPECT_EQ(KeysOf("\x1bOA"), "up");       // In application mode.
  EXPECT_EQ(KeysOf("\x1b[1;5B"), "down");  // With Ctrl.
}

TEST(ParseKeysTest, LeavesOutWhatItDoesNotKnow) {
  EXPECT_EQ(KeysOf("\x1b[5~q"), "q");  // Page up.
  EXPECT_EQ(KeysOf("\x01ä\x7fq"), "q");
}

TEST(ParseKeysTest, WaitsForTheRestOfASequence) {
  std::string pending = "\x1b[";
  EXPECT_EQ(Names(ParseKeys(pending, true)), "");
  pending += 'A';
  EXPECT_EQ(Names(ParseKeys(pending, true)), "up");
  EXPECT_EQ(pending, "");
}

TEST(ParseKeysTest, EscapeAloneIsAKeyWhenNothingFollows) {
  std::string pending = "\x1b";
  EXPECT_EQ(Names(ParseKeys(pending, true)), "");
  EXPECT_EQ(Names(ParseKeys(pending, false)), "escape");
  EXPECT_EQ(pending, "");

  EXPECT_EQ(KeysOf("\x1b[", /*more_may_come=*/false), "");
}

TEST(TerminalTest, WantsATerminal) {
  // As under ctest: neither stdin nor stdout is one.
  if (isatty(STDOUT_FILENO) != 0) GTEST_SKIP() << "runs on a terminal";
  EXPECT_EQ(Terminal::Open().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace lockstep::cli
