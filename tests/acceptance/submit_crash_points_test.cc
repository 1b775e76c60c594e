// A01: the coordinator is killed in each call by which it changes its state
// folder or starts a process, from the moment it is asked for a job until the
// job has ended. What it acknowledged is there afterwards, whoever asks again
// is told of the same job, and it is done once.

#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/contract/job_state.h"
#include "tests/acceptance/api_calls.h"
#include "tests/acceptance/length.h"
#include "tests/acceptance/seed.h"
#include "tests/integration/test_cluster.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::SizeIs;

// Not reached by a job of three steps.
constexpr int kManyPoints = 10'000;

// Two ranks, three steps.
v1::CreateJobRequest ShortJob(const std::string& id, const std::string& out) {
  v1::CreateJobRequest request;
  request.set_job_id(id);
  request.set_request_id("request-" + id);
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_api_version("lockstep/v1");
  const std::string data = SourceDir() + "/tests/testdata/";
  spec.mutable_model()->set_path(data + "models/tiny-llama");
  spec.mutable_method()->mutable_lora();
  spec.mutable_data()->add_train()->set_path(data + "data/text.jsonl");
  spec.mutable_data()->set_max_length(64);
  spec.mutable_train()->set_max_steps(3);
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CPU);
  spec.mutable_resources()->set_ranks(2);
  spec.set_output_dir(out);
  return request;
}

// Prepare refuses it.
v1::CreateJobRequest JobWithoutModel(const std::string& id,
                                     const std::string& out) {
  v1::CreateJobRequest request = ShortJob(id, out);
  request.mutable_spec()->mutable_model()->set_path("/models/none");
  return request;
}

class SubmitCrashPointsTest : public ::testing::Test {
 protected:
  // From now on the daemon's n-th call is its last.
  void CrashAt(int n) {
    WriteFile(File() + ".new", absl::StrCat(n));
    fs::rename(File() + ".new", File());
  }
  std::string File() const { return folder_.Path("crash"); }

  // Asks once, and watches the job if it was acknowledged. Its uid then; none
  // when it was not.
  std::optional<std::string> Submit(v1::JobService::Stub& jobs,
                                    const v1::CreateJobRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(1));
    v1::Job job;
    const grpc::Status status = jobs.CreateJob(&context, request, &job);
    if (status.ok()) {
      WatchToEnd(jobs, job.name());
      return job.uid();
    }
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE)
        << status.error_message();
    return std::nullopt;
  }

  // The job's, or the coordinator's.
  void WatchToEnd(v1::JobService::Stub& jobs, const std::string& name) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(1));
    v1::WatchJobsRequest request;
    request.set_name(name);
    const auto reader = jobs.WatchJobs(&context, request);
    v1::WatchJobsResponse change;
    while (reader->Read(&change)) {
      if (IsTerminal(change.job().state())) return;
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }

  // Submits a job and has the coordinator killed in its n-th call from then on.
  // False when the job had ended before that.
  bool CrashOnce(int n, const v1::CreateJobRequest& request,
                 v1::Job::State end) {
    const auto jobs = cluster_.Connect();
    // A connection, so that the call does not wait for one.
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::ListJobsResponse page;
    EXPECT_TRUE(jobs->ListJobs(&context, {}, &page).ok());
    CrashAt(n);
    const std::optional<std::string> acknowledged = Submit(*jobs, request);
    fs::remove(File());
    const bool crashed =
        !acknowledged.has_value() || !IsTerminal(StateNow(*jobs, request));
    if (!crashed) {
      cluster_.KillDaemon();
    } else {
      EXPECT_EQ(cluster_.WaitForDaemonEnd(), 137) << cluster_.daemon_log();
    }
    cluster_.StartDaemon();
    ExpectDoneOnce(request, acknowledged, end);
    return crashed;
  }

  // Unspecified when nobody answers.
  static v1::Job::State StateNow(v1::JobService::Stub& jobs,
                                 const v1::CreateJobRequest& request) {
    grpc::ClientContext context;
    v1::GetJobRequest get;
    get.set_name("jobs/" + request.job_id());
    v1::Job job;
    return jobs.GetJob(&context, get, &job).ok() ? job.state()
                                                 : v1::Job::STATE_UNSPECIFIED;
  }

  void ExpectDoneOnce(const v1::CreateJobRequest& request,
                      const std::optional<std::string>& acknowledged,
                      v1::Job::State end) {
    const auto jobs = cluster_.Connect();
    v1::Job again;
    const grpc::Status status = Create(*jobs, request, &again);
    ASSERT_TRUE(status.ok()) << status.error_message();
    if (acknowledged.has_value()) {
      EXPECT_EQ(again.uid(), *acknowledged);
    } else {
      ++unacknowledged_;
    }
    ++made_;
    const v1::Job job = cluster_.WaitForJob(
        request.job_id(),
        [](const v1::Job& now) { return IsTerminal(now.state()); });
    EXPECT_EQ(job.state(), end) << job.error().message();
    EXPECT_LE(job.attempts_size(), 2);
    v1::ListJobsRequest list;
    list.set_page_size(1000);
    grpc::ClientContext context;
    v1::ListJobsResponse page;
    ASSERT_TRUE(jobs->ListJobs(&context, list, &page).ok());
    EXPECT_EQ(page.jobs_size(), made_);
  }

  ScopedTempDir folder_;
  TestCluster cluster_{/*cpu_slots=*/2,
                       /*flags=*/{},
                       BinDir(),
                       // Of a folder that the cluster is yet to make.
                       {LOCKSTEP_TRACER, File(), ::testing::TempDir()}};
  int made_ = 0;
  int unacknowledged_ = 0;
};

TEST_F(SubmitCrashPointsTest, AJobThatIsRefusedIsRefusedOnce) {
  int crashes = 0;
  int n = 1;
  for (; n < kManyPoints; ++n) {
    SCOPED_TRACE(absl::StrCat("point ", n));
    const std::string id = absl::StrCat("job-", n);
    if (!CrashOnce(n, JobWithoutModel(id, folder_.Path(id)), v1::Job::FAILED)) {
      break;
    }
    ++crashes;
    if (HasFailure()) return;
  }
  EXPECT_GE(crashes, 30);
  EXPECT_GT(unacknowledged_, 0);
  EXPECT_LT(unacknowledged_, crashes);
  std::cout << "A01 submit_crash_points: killed at each of " << crashes
            << " calls from CreateJob to the job's end, " << unacknowledged_
            << " of them before it was acknowledged; none lost, none twice\n";
}

// All points, or every `stride`-th from a random one on.
TEST_F(SubmitCrashPointsTest, AJobThatTrainsIsTrainedOnce) {
  const int stride = LengthOfTest(/*usual=*/7, /*full=*/1);
  int n = 1 + static_cast<int>(Chance(SeedOfTest()).Below(stride));
  int crashes = 0;
  for (; n < kManyPoints; n += stride) {
    SCOPED_TRACE(absl::StrCat("point ", n));
    const std::string id = absl::StrCat("job-", n);
    const std::string out = folder_.Path(id);
    const bool crashed = CrashOnce(n, ShortJob(id, out), v1::Job::SUCCEEDED);
    EXPECT_TRUE(fs::exists(out + "/adapter_model.safetensors"));
    if (!crashed) break;
    ++crashes;
    if (HasFailure()) return;
  }
  EXPECT_GE(crashes, 60 / stride);
  std::cout << "A01 submit_crash_points: killed at " << crashes << " of "
            << n - 1 << " calls of a job that trained; none lost, none twice\n";
}

}  // namespace
}  // namespace lockstep::testing
