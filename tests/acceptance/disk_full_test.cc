// A disk that fills up under a job (A09): the job is told so, what is listed
// stays whole, and when there is room again it goes on to its end. The disk is
// a small tmpfs in a mount namespace of this test's own.

#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// A checkpoint of the job takes 190 KB.
constexpr int kDiskBytes = 4 << 20;
constexpr int kTooLittle = 128 << 10;

class DiskFullTest : public ::testing::Test {
 protected:
  // Before the cluster is started, so that all its processes see the disk.
  static bool OwnMounts() {
    return unshare(CLONE_NEWNS) == 0 &&
           mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }

  void MountDisk(const TestCluster& cluster) {
    disk_ = cluster.Path("disk");
    fs::create_directory(disk_);
    ASSERT_EQ(mount("none", disk_.c_str(), "tmpfs", 0,
                    absl::StrCat("size=", kDiskBytes).c_str()),
              0);
  }
  void TearDown() override {
    if (!disk_.empty()) umount2(disk_.c_str(), MNT_DETACH);
  }

  // Leaves so many bytes.
  void FillUp(int left) {
    std::ofstream(Ballast()) << std::string(kDiskBytes - left, 'x');
    ASSERT_EQ(fs::file_size(Ballast()), kDiskBytes - left);
  }
  std::string Ballast() const { return disk_ + "/ballast"; }

  std::string disk_;
};

TEST_F(DiskFullTest, AJobSurvivesItAndGoesOnWhenThereIsRoom) {
  if (!OwnMounts()) GTEST_SKIP() << "mounting needs CAP_SYS_ADMIN";
  TestCluster cluster;
  MountDisk(cluster);
  FillUp(kTooLittle);
  const std::string data = SourceDir() + "/tests/testdata/";
  WriteFile(cluster.Path("job.yaml"),
            absl::StrCat("apiVersion: lockstep/v1\nmodel: {path: ", data,
                         "models/tiny-llama}\nmethod: {lora: {r: 8}}\n"
                         "data: {train: [{path: ",
                         data,
                         "data/text.jsonl}], max_length: 64}\n"
                         "train: {max_steps: 40}\n"
                         "checkpoint: {save_steps: 5, save_total_limit: 2}\n"
                         "resources: {device: cpu, ranks: 2}\n"
                         "output_dir: ",
                         disk_, "/out\n"));

  ASSERT_EQ(
      cluster.Lockstep({"submit", cluster.Path("job.yaml"), "--name", "job"})
          .exit_code,
      0);
  // The first checkpoint was tried by now.
  ASSERT_TRUE(cluster.FollowMetrics(
      "job", [](const v1::MetricPoint& point) { return point.step() > 5; }));
  fs::remove(Ballast());
  const RunResult wait = cluster.Lockstep({"wait", "job"});

  ASSERT_EQ(wait.exit_code, 0) << wait.err << cluster.daemon_log();
  const std::string events = cluster.Lockstep({"events", "job"}).out;
  EXPECT_THAT(events, HasSubstr("checkpoint of step 5 is not written"));
  EXPECT_THAT(events, HasSubstr("make room there"));
  const v1::Job job = cluster.GetJob("job");
  for (const v1::Attempt& attempt : job.attempts()) {
    EXPECT_THAT(attempt.end_cause(), ::testing::AnyOf(v1::Attempt::STORAGE_FULL,
                                                      v1::Attempt::SUCCESS));
  }
  EXPECT_THAT(cluster.Lockstep({"checkpoints", "list", "job"}).out,
              HasSubstr("/out/checkpoint-40"));
  for (const auto& entry : fs::directory_iterator(disk_ + "/out")) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".tmp")));
  }
  const RunResult exported =
      cluster.Lockstep({"checkpoints", "export", "job", "--step", "40",
                        "--output", cluster.Path("adapter")});
  EXPECT_EQ(exported.exit_code, 0) << exported.err;
  std::cout << "A09 disk_full: ended after " << job.attempts_size()
            << " attempts\n";
}

}  // namespace
}  // namespace lockstep::testing
