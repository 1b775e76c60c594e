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
  EXPECT_EQ(RankProgramPath(), self.parent_path() / "lockstep-rank");
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
