// A disk that fills up under a job, or under the coordinator (A09). The job is
// told so, what is listed stays whole, and when there is room again it goes on
// to its end. The coordinator refuses what it cannot record, forgets nothing
// that it acknowledged, and is back by itself. The disk is a small tmpfs in a
// mount namespace of this test's own.

#include <sched.h>
#include <sys/mount.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/acceptance/api_calls.h"
#include "tests/acceptance/metric_reader.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// A checkpoint of the job takes 190 KB.
constexpr int kDiskBytes = 4 << 20;
constexpr size_t kTooLittle = 128 << 10;
// Of the state folder: more than lockstepd keeps free for what runs.
constexpr int kStateBytes = 64 << 20;

class DiskFullTest : public ::testing::Test {
 protected:
  // Before the cluster is started, so that all its processes see the disk.
  static bool OwnMounts() {
    return unshare(CLONE_NEWNS) == 0 &&
           mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }

  void MountDisk(const std::string& path, int bytes) {
    disk_ = path;
    fs::create_directories(disk_);
    ASSERT_EQ(mount("none", disk_.c_str(), "tmpfs", 0,
                    absl::StrCat("size=", bytes).c_str()),
              0);
  }
  void TearDown() override {
    if (!disk_.empty()) umount2(disk_.c_str(), MNT_DETACH);
  }

  // Leaves so many bytes, or fewer if somebody writes meanwhile.
  void FillUp(size_t left) {
    std::ofstream(Ballast())
        << std::string(fs::space(disk_).available - left, 'x');
    ASSERT_LE(fs::space(disk_).available, left);
  }
  std::string Ballast() const { return disk_ + "/ballast"; }

  std::string disk_;
};

TEST_F(DiskFullTest, AJobSurvivesItAndGoesOnWhenThereIsRoom) {
  if (!OwnMounts()) GTEST_SKIP() << "mounting needs CAP_SYS_ADMIN";
  TestCluster cluster;
  MountDisk(cluster.Path("disk"), kDiskBytes);
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

// A change that gets no answer until there is room.
std::future<grpc::Status> CancelLater(v1::JobService::Stub& jobs,
                                      const std::string& id) {
  return std::async(std::launch::async, [&jobs, id] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(2));
    v1::CancelJobRequest request;
    request.set_name("jobs/" + id);
    v1::Job job;
    return jobs.CancelJob(&context, request, &job);
  });
}

TEST_F(DiskFullTest, TheCoordinatorSurvivesItAndIsBackByItself) {
  if (!OwnMounts()) GTEST_SKIP() << "mounting needs CAP_SYS_ADMIN";
  TestCluster cluster;
  ASSERT_EQ(cluster.TerminateDaemon(), 0);
  MountDisk(cluster.Path("state"), kStateBytes);
  cluster.StartDaemon();
  const auto jobs = cluster.Connect();
  SubmitDetached(cluster, "long",
                 LongJob(cluster.Path("out"),
                         {.steps = 1'000'000, .save_steps = 1'000'000}));
  MetricReader reader(cluster, "long");
  ASSERT_TRUE(reader.ReadTo(5)) << cluster.daemon_log();
  const std::vector<int64_t> pids = PidsOf(cluster.GetJob("long"));
  for (const char* id : {"one", "two"}) {
    ASSERT_TRUE(CreateWaitingJob(*jobs, id, "long").ok());
  }

  FillUp(0);
  // What is new is refused at once; a change of what is there is tried.
  const grpc::Status refused = CreateWaitingJob(*jobs, "three", "long");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "STORE_FULL") << refused.error_message();
  std::future<grpc::Status> cancelled = CancelLater(*jobs, "one");
  while (!absl::StrContains(cluster.daemon_log(), "nothing is decided until")) {
    ASSERT_EQ(cluster.GetJob("one").state(), v1::Job::QUEUED);
  }
  EXPECT_EQ(ReasonOf(CancelLater(*jobs, "two").get()), "STORE_FULL");
  EXPECT_EQ(cancelled.wait_for(std::chrono::seconds(0)),
            std::future_status::timeout);
  EXPECT_EQ(cluster.GetJob("long").state(), v1::Job::RUNNING);

  fs::remove(Ballast());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(cancelled.get().ok());
  EXPECT_TRUE(CreateWaitingJob(*jobs, "three", "long").ok());
  const std::chrono::duration<double> back =
      std::chrono::steady_clock::now() - begin;
  EXPECT_LT(back.count(), 5);

  // Of the steps that were trained meanwhile no point is missing.
  ASSERT_TRUE(reader.ReadTo(reader.newest_step() + 20));
  cluster.KillDaemon();
  cluster.StartDaemon();
  EXPECT_EQ(cluster.GetJob("one").state(), v1::Job::CANCELLED);
  EXPECT_EQ(cluster.GetJob("two").state(), v1::Job::QUEUED);
  EXPECT_EQ(cluster.GetJob("three").state(), v1::Job::QUEUED);
  ASSERT_TRUE(reader.ReadTo(reader.newest_step() + 1));
  const v1::Job job = cluster.GetJob("long");
  EXPECT_EQ(PidsOf(job), pids);
  EXPECT_THAT(job.attempts(), ::testing::SizeIs(1));
  std::cout << "A09 disk_full: the store is back " << back.count()
            << " s after there is room\n";
}

}  // namespace
}  // namespace lockstep::testing
