// A16: watchers that stop reading cost the coordinator little memory, delay
// nobody, and have missed nothing when they read again.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "tests/acceptance/length.h"
#include "tests/integration/long_run.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

constexpr int kStreamsAConnection = 50;
// More than fits the window of a stream and the buffers of its socket.
constexpr int kFill = 200;
constexpr int kJobs = 400;
constexpr double kMostMegabytes = 64;

double RssMegabytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (status >> word && word != "VmRSS:") {
  }
  double kilobytes = 0;
  status >> kilobytes;
  return kilobytes / 1024;
}

// Watches all jobs from a token on, and reads nothing until it is asked to.
class Watcher {
 public:
  Watcher(v1::JobService::Stub& jobs, std::string token)
      : jobs_(jobs), token_(std::move(token)) {
    Open();
  }
  ~Watcher() { context_->TryCancel(); }

  // Reads until it has seen this job created; the names of those created, in
  // order. A stream that was ended is opened again where it ended.
  std::vector<std::string> ReadTo(const std::string& last) {
    std::vector<std::string> created;
    while (created.empty() || created.back() != last) {
      v1::WatchJobsResponse change;
      if (!reader_->Read(&change)) {
        if (++reopened_ > 3) {
          ADD_FAILURE() << reader_->Finish().error_message();
          return created;
        }
        Open();
        continue;
      }
      token_ = change.resume_token();
      if (change.type() == v1::WatchJobsResponse::ADDED) {
        created.push_back(change.job().name());
      }
    }
    return created;
  }

 private:
  void Open() {
    context_ = std::make_unique<grpc::ClientContext>();
    v1::WatchJobsRequest request;
    request.set_resume_token(token_);
    reader_ = jobs_.WatchJobs(context_.get(), request);
  }

  v1::JobService::Stub& jobs_;
  std::string token_;
  int reopened_ = 0;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchJobsResponse>> reader_;
};

class WatchersStuckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    jobs_ = Connect();
    // All others wait for it, so that nothing runs.
    SubmitDetached(cluster_, "first", LongJob(cluster_.Path("first")));
    ASSERT_EQ(cluster_.Lockstep({"jobs", "pause", "first"}).exit_code, 0);
    first_ = cluster_.WaitForState("first", v1::Job::PAUSED);
  }

  std::unique_ptr<v1::JobService::Stub> Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    // Else gRPC takes megabytes for a stream that nobody reads, and the
    // coordinator is busy with sending them.
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    return v1::JobService::NewStub(grpc::CreateCustomChannel(
        cluster_.address(), grpc::InsecureChannelCredentials(), arguments));
  }

  // Behind all that has happened.
  std::string Token() {
    v1::ListEventsRequest request;
    request.set_page_size(1000);
    v1::ListEventsResponse response;
    do {
      request.set_page_token(response.next_page_token());
      grpc::ClientContext context;
      EXPECT_TRUE(jobs_->ListEvents(&context, request, &response).ok());
    } while (!response.next_page_token().empty());
    return response.resume_token();
  }

  void OpenWatchers() {
    const std::string token = Token();
    for (int i = 0; i < watchers_wanted_; ++i) {
      if (i % kStreamsAConnection == 0) connections_.push_back(Connect());
      watchers_.push_back(
          std::make_unique<Watcher>(*connections_.back(), token));
    }
  }

  // Creates jobs one after the other; the 99th percentile of how long each
  // took.
  absl::Duration CreateJobs(const std::string& prefix, int count) {
    std::vector<absl::Duration> took;
    for (int i = 0; i < count; ++i) {
      v1::CreateJobRequest request;
      request.set_job_id(absl::StrCat(prefix, i));
      *request.mutable_spec() = first_.spec();
      request.mutable_spec()->clear_name();
      request.mutable_spec()->add_after("first");
      v1::Job job;
      grpc::ClientContext context;
      const absl::Time begin = absl::Now();
      const grpc::Status status = jobs_->CreateJob(&context, request, &job);
      took.push_back(absl::Now() - begin);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    std::sort(took.begin(), took.end());
    return took[took.size() * 99 / 100];
  }

  const int watchers_wanted_ = LengthOfTest(/*usual=*/200, /*full=*/1000);
  TestCluster cluster_;
  v1::Job first_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::vector<std::unique_ptr<v1::JobService::Stub>> connections_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

TEST_F(WatchersStuckTest, TheyCostLittleDelayNobodyAndMissNothing) {
  const absl::Duration alone = CreateJobs("alone-", kJobs);
  const double before = RssMegabytes(cluster_.daemon_pid());

  OpenWatchers();
  CreateJobs("fill-", kFill);
  const absl::Duration watched = CreateJobs("watched-", kJobs);
  const double cost = RssMegabytes(cluster_.daemon_pid()) - before;

  std::vector<std::string> expected;
  for (int i = 0; i < kFill; ++i) {
    expected.push_back(absl::StrCat("jobs/fill-", i));
  }
  for (int i = 0; i < kJobs; ++i) {
    expected.push_back(absl::StrCat("jobs/watched-", i));
  }
  for (const std::unique_ptr<Watcher>& watcher : watchers_) {
    ASSERT_EQ(watcher->ReadTo(expected.back()), expected);
  }
  EXPECT_LE(cost, kMostMegabytes);
  std::cout << "A16 watchers_stuck_1000: " << watchers_wanted_
            << " stuck watchers cost " << static_cast<int>(cost)
            << " MB; p99 of CreateJob "
            << absl::FormatDuration(absl::Trunc(alone, absl::Microseconds(1)))
            << ", with them "
            << absl::FormatDuration(absl::Trunc(watched, absl::Microseconds(1)))
            << "; " << watchers_wanted_ * expected.size()
            << " changes read afterwards, none missing\n";
}

}  // namespace
}  // namespace lockstep::testing
