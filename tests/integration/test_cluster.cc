#include "tests/integration/test_cluster.h"

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>

#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

std::string MakeTemporaryDir(const std::string& parent) {
  std::string pattern = parent + "/lockstep-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr) << pattern;
  return pattern;
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const TestTls& tls) {
  if (tls.ca.empty()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials(
      {ReadFile(tls.ca), ReadFile(tls.key), ReadFile(tls.cert)});
}

}  // namespace

TestCluster::TestCluster(int cpu_slots, std::vector<std::string> flags,
                         std::string bin_dir, std::vector<std::string> prefix)
    : dir_(MakeTemporaryDir(::testing::TempDir())),
      // A socket's path has at most 107 bytes, which a build folder may exceed.
      socket_dir_(MakeTemporaryDir("/tmp")),
      address_("unix:" + socket_dir_ + "/lockstepd.sock"),
      cpu_slots_(cpu_slots),
      flags_(std::move(flags)),
      bin_dir_(std::move(bin_dir)),
      prefix_(std::move(prefix)) {
  StartDaemon();
}

TestCluster::TestCluster(int cpu_slots, std::vector<std::string> flags,
                         TestTls tls)
    : dir_(MakeTemporaryDir(::testing::TempDir())),
      address_(tls.address),
      cpu_slots_(cpu_slots),
      flags_(std::move(flags)),
      bin_dir_(BinDir()),
      tls_(std::move(tls)) {
  StartDaemon();
}

TestCluster::~TestCluster() {
  // Jobs outlive the daemon by design; a test must not leave them behind.
  if (daemon_ != nullptr) {
    v1::ListJobsResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(5));
    if (jobs_->ListJobs(&context, v1::ListJobsRequest(), &response).ok()) {
      for (const v1::Job& job : response.jobs()) {
        for (const v1::Attempt& attempt : job.attempts()) {
          if (attempt.state() == v1::Attempt::ENDED) continue;
          for (const v1::RankPlacement& rank : attempt.ranks()) {
            if (rank.pid() > 0) kill(static_cast<pid_t>(rank.pid()), SIGKILL);
          }
        }
      }
    }
    daemon_.reset();
  }
  std::error_code ignored;
  if (!socket_dir_.empty()) fs::remove_all(socket_dir_, ignored);
  if (!::testing::Test::HasFailure()) fs::remove_all(dir_, ignored);
}

void TestCluster::StartDaemon() {
  std::vector<std::string> words = prefix_;
  for (const std::string& word :
       {bin_dir_ + "/lockstepd", std::string("--state-dir"), Path("state"),
        std::string("--listen"), address_, std::string("--cpu-slots"),
        std::to_string(cpu_slots_), std::string("--metrics-address"),
        std::string("127.0.0.1:0")}) {
    words.push_back(word);
  }
  words.insert(words.end(), flags_.begin(), flags_.end());
  daemon_ = std::make_unique<BackgroundProcess>(words, Environment{},
                                                Path("lockstepd.log"));
  const auto channel = NewChannel();
  ASSERT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() +
                                        std::chrono::seconds(20)))
      << "lockstepd does not answer:\n"
      << daemon_log();
  jobs_ = v1::JobService::NewStub(channel);
}

std::shared_ptr<grpc::Channel> TestCluster::NewChannel() const {
  // A channel that has failed to connect waits before it tries again; short
  // here, as the daemon is up within milliseconds.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  // Despite its name the time that one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address_, CredentialsOf(tls_), arguments);
}

std::unique_ptr<v1::JobService::Stub> TestCluster::Connect() const {
  return v1::JobService::NewStub(NewChannel());
}

void TestCluster::KillDaemon() {
  daemon_->Signal(SIGKILL);
  daemon_->Wait();
  daemon_.reset();
}

int TestCluster::TerminateDaemon() {
  daemon_->Signal(SIGTERM);
  return WaitForDaemonEnd();
}

int TestCluster::WaitForDaemonEnd() {
  const int exit_code = daemon_->Wait();
  daemon_.reset();
  return exit_code;
}

RunResult TestCluster::Lockstep(std::vector<std::string> args,
                                int timeout_seconds) {
  args.insert(args.begin(), BinDir() + "/lockstep");
  Environment environment = {{"LOCKSTEP_SERVER", address_}};
  if (!tls_.ca.empty()) {
    environment["LOCKSTEP_TLS_CA"] = tls_.ca;
    environment["LOCKSTEP_TLS_CERT"] = tls_.cert;
    environment["LOCKSTEP_TLS_KEY"] = tls_.key;
  }
  return RunProgram(args, environment, timeout_seconds);
}

RunResult TestCluster::SubmitAndWait(const std::string& name,
                                     const std::string& yaml,
                                     int timeout_seconds) {
  const std::string file = Path(name + ".yaml");
  WriteFile(file, yaml);
  return Lockstep({"submit", file, "--name", name, "--wait"}, timeout_seconds);
}

v1::Job TestCluster::GetJob(const std::string& id) {
  grpc::ClientContext context;
  v1::GetJobRequest request;
  request.set_name("jobs/" + id);
  v1::Job job;
  const grpc::Status status = jobs_->GetJob(&context, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

v1::Job TestCluster::WaitForState(const std::string& id, v1::Job::State state) {
  return WaitForJob(id,
                    [&](const v1::Job& job) { return job.state() == state; });
}

v1::Job TestCluster::WaitForJob(
    const std::string& id, const std::function<bool(const v1::Job&)>& done) {
  v1::WatchJobsRequest request;
  request.set_name("jobs/" + id);
  const v1::Job job =
      WaitForChange(request, [&](const v1::WatchJobsResponse& change) {
        return change.has_job() && done(change.job());
      }).job();
  EXPECT_TRUE(done(job)) << id << " is " << v1::Job::State_Name(job.state());
  return job;
}

v1::Event TestCluster::WaitForEvent(const std::string& id,
                                    const std::string& type) {
  v1::WatchJobsRequest request;
  request.set_name("jobs/" + id);
  // From the beginning of the journal.
  request.set_resume_token("0");
  v1::Event event =
      WaitForChange(request, [&](const v1::WatchJobsResponse& change) {
        return change.event().type() == type;
      }).event();
  EXPECT_EQ(event.type(), type) << event.message();
  return event;
}

v1::WatchJobsResponse TestCluster::WaitForChange(
    const v1::WatchJobsRequest& request,
    const std::function<bool(const v1::WatchJobsResponse&)>& done) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::minutes(1));
  const auto reader = jobs_->WatchJobs(&context, request);
  v1::WatchJobsResponse change;
  while (reader->Read(&change) && !done(change)) {
  }
  context.TryCancel();
  return change;
}

bool TestCluster::FollowMetrics(
    const std::string& id,
    const std::function<bool(const v1::MetricPoint&)>& done) {
  std::string cursor;
  return FollowMetricsFrom(id, cursor, done);
}

bool TestCluster::FollowMetricsFrom(
    const std::string& id, std::string& cursor,
    const std::function<bool(const v1::MetricPoint&)>& done) {
  grpc::ClientContext context;
  v1::StreamMetricsRequest request;
  request.set_name("jobs/" + id);
  request.set_resume_token(cursor);
  request.set_follow(true);
  auto reader = jobs_->StreamMetrics(&context, request);
  v1::StreamMetricsResponse response;
  while (reader->Read(&response)) {
    bool is_done = false;
    for (const v1::MetricPoint& point : response.points()) {
      is_done = done(point) || is_done;
    }
    cursor = response.resume_token();
    if (!is_done) continue;
    context.TryCancel();
    return true;
  }
  return false;
}

std::vector<double> TestCluster::Losses(const std::string& id) {
  grpc::ClientContext context;
  v1::StreamMetricsRequest request;
  request.set_name("jobs/" + id);
  auto reader = jobs_->StreamMetrics(&context, request);
  std::map<int64_t, double> by_step;
  v1::StreamMetricsResponse response;
  while (reader->Read(&response)) {
    for (const v1::MetricPoint& point : response.points()) {
      auto loss = point.values().find("loss");
      if (loss != point.values().end()) by_step[point.step()] = loss->second;
    }
  }
  EXPECT_TRUE(reader->Finish().ok());
  std::vector<double> losses;
  losses.reserve(by_step.size());
  for (const auto& [step, loss] : by_step) losses.push_back(loss);
  return losses;
}

}  // namespace lockstep::testing
