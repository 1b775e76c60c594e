// `lockstep token` of the built program, which calls no coordinator.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LockstepTokenTest : public ::testing::Test {
 protected:
  static RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args);
  }
};

TEST_F(LockstepTokenTest, ATokenIsPrintedOnceAndItsLineBeside) {
  const auto run = Lockstep({"token", "create", "alice", "--role", "viewer",
                             "--expires", "2027-01-31T12:00:00Z"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, MatchesRegex("[0-9a-f]+\n"));
  EXPECT_EQ(run.out.size(), 65u);
  EXPECT_THAT(run.err, MatchesRegex("alice [0-9a-f]+ viewer expires "
                                    "2027-01-31T12:00:00Z\n"));
  EXPECT_THAT(run.err, Not(HasSubstr(run.out.substr(0, 64))));
  EXPECT_NE(Lockstep({"token", "create", "alice"}).out, run.out);
  EXPECT_THAT(Lockstep({"token", "create", "alice", "--expires", "90d"}).err,
              MatchesRegex("alice [0-9a-f]+ user expires 20.*Z\n"));
}

TEST_F(LockstepTokenTest, ABadTokenRequestIsNamed) {
  const auto error = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"token", "create"});
    const auto run = Lockstep(flags);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.out, "");
    return run.err;
  };
  EXPECT_THAT(error({"a b"}), HasSubstr("NAME \"a b\" is no name of a user"));
  EXPECT_THAT(error({"admin"}), HasSubstr("taken"));
  EXPECT_THAT(error({"a", "--role", "boss"}), HasSubstr("boss"));
  for (const char* expires : {"soon", "0d", "-1d", "40000d", "2027-01-31"}) {
    EXPECT_THAT(error({"a", "--expires", expires}),
                HasSubstr(absl::StrCat("--expires \"", expires, "\"")));
  }
}

}  // namespace
}  // namespace lockstep::testing
