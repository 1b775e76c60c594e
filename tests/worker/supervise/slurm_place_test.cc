#include "worker/supervise/slurm_place.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SlurmPlaceTest : public ::testing::Test {
 protected:
  absl::Status Place(const std::string& kind, int ranks_per_node) {
    return PlaceBySlurm(
        kind, ranks_per_node,
        [this](const char* name) { return environment_[name]; }, &options_);
  }

  std::map<std::string, std::string> environment_ = {{"SLURM_NODEID", "2"},
                                                     {"SLURMD_NODENAME", "n7"}};
  SuperviseOptions options_;
};

TEST_F(SlurmPlaceTest, RanksFollowFromTheNumberOfTheHost) {
  ASSERT_TRUE(Place("cuda", 3).ok());

  EXPECT_EQ(options_.node, "n7");
  // Slurm's own GraceTime and KillWait are the limit.
  EXPECT_EQ(options_.stop_grace, absl::InfiniteDuration());
  EXPECT_THAT(options_.ranks, ElementsAre(6, 7, 8));
  EXPECT_THAT(options_.devices, ElementsAre("cuda:0", "cuda:1", "cuda:2"));
  EXPECT_EQ(options_.exit_file, "exit-2.json");
  EXPECT_TRUE(options_.ends_like_ranks);
}

TEST_F(SlurmPlaceTest, NothingIsGuessed) {
  EXPECT_THAT(Place("cpu", 0).message(), HasSubstr("--ranks-per-node 0"));
  environment_["SLURM_NODEID"] = "-1";
  EXPECT_THAT(Place("cpu", 1).message(), HasSubstr("SLURM_NODEID is \"-1\""));
  environment_["SLURM_NODEID"] = "";
  EXPECT_FALSE(Place("cpu", 1).ok());
  environment_ = {{"SLURM_NODEID", "0"}};
  EXPECT_THAT(Place("cpu", 1).message(), HasSubstr("SLURMD_NODENAME"));
}

}  // namespace
}  // namespace lockstep
