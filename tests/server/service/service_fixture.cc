#include "tests/server/service/service_fixture.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace lockstep::testing {
namespace {

SchedulerOptions QuickScheduler() {
  SchedulerOptions options;
  options.tick = absl::Milliseconds(10);
  options.first_backoff = absl::Milliseconds(10);
  options.rendezvous_timeout = absl::Seconds(20);
  return options;
}

class FakeCopy : public StoreBackup::Copy {
 public:
  FakeCopy(const FakeBackup& backup, std::string path)
      : backup_(backup), path_(std::move(path)) {}

  absl::StatusOr<bool> Step() override {
    if (!backup_.error.ok()) return backup_.error;
    const size_t half = backup_.text.size() / 2;
    const bool last = std::exchange(begun_, true);
    std::ofstream(path_, std::ios::app | std::ios::binary)
        << (last ? backup_.text.substr(half) : backup_.text.substr(0, half));
    return last;
  }

 private:
  const FakeBackup& backup_;
  const std::string path_;
  bool begun_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreBackup::Copy>> FakeBackup::Start(
    const std::string& path) {
  return std::make_unique<FakeCopy>(*this, path);
}

std::string TestTokenFile() {
  const auto line = [](absl::string_view name, absl::string_view more) {
    return absl::StrCat(
        name, " ",
        absl::BytesToHexString(TokenDigest(absl::StrCat(name, "-token"))), " ",
        more, "\n");
  };
  return absl::StrCat(line("alice", ""), line("bob", "user"),
                      line("vera", "viewer"), line("root", "admin"),
                      line("erin", "admin expires 2020-01-01T00:00:00Z"),
                      line("rob", "admin revoked"));
}

TestContext::TestContext(const std::string& token) {
  set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  if (!token.empty()) AddMetadata("authorization", "Bearer " + token);
}

ServiceFixture::ServiceFixture()
    : scheduler_(QuickScheduler(), {.clock = deadline_clock_,
                                    .store = store_,
                                    .events = events_,
                                    .launcher = launcher_,
                                    .rendezvous = rendezvous_,
                                    .tokens = tokens_,
                                    .policy = policy_}) {
  const std::string users = dir_.Path("tokens");
  std::ofstream(users) << TestTokenFile();
  std::filesystem::permissions(users, std::filesystem::perms::owner_read);
  users_ = *UserDirectory::Open(users);
  access_.emplace(kAdminToken, tokens_, *users_, clock_);
  options_.state_dir = dir_.path();
  options_.store_version = 7;
  options_.start_time = absl::FromUnixSeconds(1000);
  options_.settings = {{"cpu-slots", "2"}};
  options_.jobs_dir = dir_.Path("jobs");
  options_.metrics_url = "http://127.0.0.1:9464/metrics";
  options_.bookmark_interval = absl::Milliseconds(50);
  options_.log_poll_interval = absl::Milliseconds(5);
  const ServiceParts parts{.options = options_,
                           .clock = clock_,
                           .store = store_,
                           .backup = backup_,
                           .events = events_,
                           .metric_log = metric_log_,
                           .scheduler = scheduler_,
                           .rendezvous = rendezvous_,
                           .access = *access_,
                           .metrics = metrics_,
                           .pump = pump_};
  EXPECT_TRUE(scheduler_.Start().ok());
  feed_ = *MetricsFeed::Start(store_, events_, metrics_, pump_);
  job_service_ = std::make_unique<JobServiceImpl>(parts);
  cluster_service_ = std::make_unique<ClusterServiceImpl>(parts);
  worker_service_ = std::make_unique<WorkerServiceImpl>(parts);
  grpc::ServerBuilder builder;
  builder.RegisterService(job_service_.get());
  builder.RegisterService(cluster_service_.get());
  builder.RegisterService(worker_service_.get());
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
  server_ = builder.BuildAndStart();
  const auto channel = server_->InProcessChannel(grpc::ChannelArguments());
  jobs_ = v1::JobService::NewStub(channel);
  cluster_ = v1::ClusterService::NewStub(channel);
  workers_ = worker::v1::WorkerService::NewStub(channel);
}

ServiceFixture::~ServiceFixture() {
  pump_.Stop();
  server_->Shutdown(std::chrono::system_clock::now());
}

v1::CreateJobRequest ServiceFixture::GoodRequest(const std::string& id) {
  v1::CreateJobRequest request;
  request.set_job_id(id);
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_api_version("lockstep/v1");
  spec.mutable_model()->set_path("/models/tiny");
  spec.mutable_method()->mutable_lora();
  spec.mutable_data()->add_train()->set_path("/data/train.jsonl");
  spec.set_output_dir("/out");
  spec.set_max_restarts(1);
  return request;
}

v1::Job ServiceFixture::Create(const std::string& id, int ranks) {
  v1::CreateJobRequest request = GoodRequest(id);
  request.mutable_spec()->mutable_resources()->set_ranks(ranks);
  TestContext context;
  v1::Job job;
  const grpc::Status status = jobs_->CreateJob(&context, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  launcher_.WaitForLaunch({"jobs/" + id, 0});
  return Get(id);
}

std::string ServiceFixture::Prepare(const std::string& id) {
  const std::string token = launcher_.WaitForLaunch({"jobs/" + id, 0}).token;
  worker::v1::ReportPreparedRequest request;
  *request.mutable_caller() = CallerOf(id, 0, -1);
  request.mutable_plan()->set_steps(40);
  TestContext context(token);
  worker::v1::ReportPreparedResponse response;
  const grpc::Status status =
      workers_->ReportPrepared(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  launcher_.End({.attempt = {"jobs/" + id, 0}, .ranks = {}});
  return launcher_.WaitForLaunch({"jobs/" + id, 1}).token;
}

void ServiceFixture::EndAttempt(const std::string& id, int exit_code) {
  const v1::Job job = Get(id);
  ProcessEnd end{.attempt = {job.name(), job.attempt()}, .ranks = {}};
  for (const v1::RankPlacement& placement :
       job.attempts(job.attempt() - 1).ranks()) {
    worker::v1::RankProcess& rank = end.ranks.emplace_back();
    rank.set_rank(placement.rank());
    rank.set_exited(true);
    rank.set_exit_code(exit_code);
  }
  launcher_.End(std::move(end));
}

v1::Job ServiceFixture::WaitForState(const std::string& id,
                                     v1::Job::State state) {
  v1::WatchJobsRequest request;
  request.set_name("jobs/" + id);
  TestContext context;
  const auto reader = jobs_->WatchJobs(&context, request);
  v1::WatchJobsResponse change;
  while (reader->Read(&change)) {
    if (change.has_job() && change.job().state() == state) {
      context.TryCancel();
      return change.job();
    }
  }
  ADD_FAILURE() << id << " never became " << v1::Job::State_Name(state);
  return {};
}

v1::Job ServiceFixture::Get(const std::string& id) {
  v1::GetJobRequest request;
  request.set_name("jobs/" + id);
  TestContext context;
  v1::Job job;
  const grpc::Status status = jobs_->GetJob(&context, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

worker::v1::Caller ServiceFixture::CallerOf(const std::string& id, int attempt,
                                            int rank) {
  worker::v1::Caller caller;
  caller.set_job("jobs/" + id);
  caller.set_attempt(attempt);
  caller.set_rank(rank);
  return caller;
}

int64_t ServiceFixture::Report(const std::string& token,
                               const worker::v1::Caller& caller, int64_t first,
                               int64_t last) {
  worker::v1::ReportRequest request;
  *request.mutable_caller() = caller;
  for (int64_t seq = first; seq <= last; ++seq) {
    v1::MetricPoint& point = *request.add_points();
    point.set_seq(seq);
    point.set_step(seq);
    (*point.mutable_values())["loss"] = 10.0 / static_cast<double>(seq);
    (*point.mutable_values())["tokens"] = 100;
  }
  request.mutable_progress()->set_step(last);
  TestContext context(token);
  worker::v1::ReportResponse response;
  const grpc::Status status = workers_->Report(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.acknowledged_seq();
}

void ServiceFixture::Append(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

void ServiceFixture::AwaitFeed() {
  // The feed was woken before the answer; what the pump does next, it does
  // behind the feed.
  class Behind : public StreamPump::Stream {
   public:
    void Pump() override { done.Notify(); }
    absl::Notification done;
  };
  const auto behind = std::make_shared<Behind>();
  pump_.Wake(behind);
  behind->done.WaitForNotification();
}

void ServiceFixture::WriteLog(const std::string& id, int attempt, int rank,
                              const std::string& text) {
  Append(absl::StrCat(options_.jobs_dir, "/", Get(id).uid(), "/attempt-",
                      attempt, "/rank-", rank, ".log"),
         text);
}

void ServiceFixture::WritePrepareLog(const std::string& id,
                                     const std::string& text) {
  Append(absl::StrCat(options_.jobs_dir, "/", Get(id).uid(),
                      "/prepare/prepare.log"),
         text);
}

}  // namespace lockstep::testing
