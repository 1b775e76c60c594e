#include "worker/supervise/rank_program.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

TEST(RankProgramTest, LiesBesideThisOne) {
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe");
  const absl::StatusOr<std::string> path = RankProgramPath();
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, self.parent_path() / "lockstep-rank");
}

// Never a path that depends on the folder it is looked at from.
TEST(RankProgramTest, WithoutThePathOfThisOneThereIsNone) {
  const absl::StatusOr<std::string> path = RankProgramPath("/no/such/exe");

  EXPECT_TRUE(absl::IsNotFound(path.status())) << path.status();
  EXPECT_THAT(std::string(path.status().message()),
              HasSubstr("read /no/such/exe"));
}

TEST(RankProgramTest, OneThatIsMissingIsNamed) {
  const char* const argv[] = {"lockstep-worker", "train", nullptr};

  const absl::Status status = BecomeProgram("/no/such/program", argv);

  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot run /no/such/program"));
}

}  // namespace
}  // namespace lockstep
