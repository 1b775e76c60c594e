#include "server/server_log.h"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::Not;

const absl::Time kTime =
    absl::FromUnixSeconds(1'800'000'000) + absl::Microseconds(42);

TEST(ServerLogTest, AnEntryIsOneJsonObject) {
  EXPECT_EQ(JsonLogLine({.severity = LogSeverity::kWarning,
                         .source = "journal",
                         .message = "jobs/a RETRY: again",
                         .fields = {{"job", "jobs/a"}, {"actor", ""}},
                         .attempt = 2},
                        kTime),
            "{\"time\":\"2027-01-15T08:00:00.000042Z\","
            "\"severity\":\"WARNING\",\"message\":\"jobs/a RETRY: again\","
            "\"source\":\"journal\",\"job\":\"jobs/a\",\"attempt\":2}");
}

TEST(ServerLogTest, WhatCouldMoveACursorIsSpeltOut) {
  const std::string line = JsonLogLine(
      {.source = "journal",
       .message = "a\nb\x1b[31m \"q\" \\ \xe2\x80\xa8 \xe2\x80\xae \xff größe",
       .fields = {{"job", "x\",\"severity\":\"ERROR"}}},
      kTime);
  EXPECT_THAT(line, AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\x1b")),
                          Not(HasSubstr("\xe2\x80\xa8")),
                          Not(HasSubstr("\xe2\x80\xae"))));
  const auto json = nlohmann::json::parse(line);
  // Also once it is decoded.
  EXPECT_EQ(json["message"],
            "a\\u000ab\\u001b[31m \"q\" \\ \\u2028 \\u202e \\xff größe");
  EXPECT_EQ(json["severity"], "INFO");
  EXPECT_EQ(json["job"], "x\",\"severity\":\"ERROR");
  EXPECT_THAT(LogText("a\nb\x1b[31m"), "a\\u000ab\\u001b[31m");
}

TEST(ServerLogTest, AHugeMessageIsCutAndItsLengthTold) {
  std::string huge;
  huge.resize(10'000'000, '\x01');
  const std::string line =
      JsonLogLine({.source = "journal", .message = huge}, kTime);
  EXPECT_THAT(line.size(), Lt(3 * kMostLoggedBytes));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["message_bytes"], 10'000'000);
  EXPECT_THAT(json["message"].get<std::string>(), EndsWith("..."));
  EXPECT_THAT(LogText(huge), EndsWith("... (10000000 bytes)"));
}

// What a process that logs writes to stderr.
std::string StderrOf(const std::function<void()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char bytes[4096];
  ssize_t got = 0;
  while ((got = read(ends[0], bytes, sizeof(bytes))) > 0) {
    text.append(bytes, got);
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

TEST(ServerLogTest, GoesToStderrInTheFormatThatWasChosen) {
  const LogEntry entry = {.severity = LogSeverity::kError,
                          .source = "rpc",
                          .message = "broken {} %s"};
  const std::string json = StderrOf([&entry] {
    StartServerLog(LogFormat::kJson);
    Log(entry);
  });
  EXPECT_EQ(nlohmann::json::parse(json)["message"], "broken {} %s");
  EXPECT_THAT(json, EndsWith("}\n"));
  EXPECT_THAT(
      StderrOf([&entry] {
        StartServerLog(LogFormat::kText);
        Log(entry);
      }),
      AllOf(HasSubstr("[error] broken {} %s\n"), Not(HasSubstr("{\""))));
}

}  // namespace
}  // namespace lockstep
