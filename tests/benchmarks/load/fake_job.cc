#include "tests/benchmarks/load/fake_job.h"

#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/contract/step_parts.h"
#include "proto/contract/version.h"
#include "proto/contract/worker_version.h"

namespace lockstep::load {
namespace {

// A row of a label is at most 128 bytes; seven make up the kilobyte.
constexpr int kPaddingLabels = 7;
constexpr size_t kLabelBytes = 100;
// What a step of a real run reports.
constexpr const char* kValues[] = {
    "loss",         "grad_norm", "learning_rate", "epoch", "tokens_per_second",
    "step_seconds", "tokens",    "token_accuracy"};
// What rank 0 says besides, now and then.
constexpr const char* kMore[] = {"samples", "flops", "mfu",
                                 "checkpoint_seconds"};
constexpr size_t kSha256Digits = 64;

}  // namespace

v1::CreateJobRequest JobRequest(const std::string& id, int ranks) {
  v1::CreateJobRequest request;
  request.set_job_id(id);
  request.set_request_id(absl::StrCat("request-", id));
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_api_version("lockstep/v1");
  spec.mutable_model()->set_path("/models/load");
  spec.mutable_method()->mutable_lora();
  spec.mutable_data()->add_train()->set_path("/data/load.jsonl");
  spec.set_output_dir("/out/" + id);
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CPU);
  spec.mutable_resources()->set_ranks(ranks);
  for (int i = 0; i < kPaddingLabels; ++i) {
    (*spec.mutable_labels())[absl::StrCat("padding-", i)] =
        std::string(kLabelBytes, 'x');
  }
  return request;
}

FakeJob::FakeJob(const Daemon& daemon, const std::string& id, int ranks)
    : daemon_(daemon),
      name_("jobs/" + id),
      jobs_(v1::JobService::NewStub(daemon.Connect())),
      worker_(worker::v1::WorkerService::NewStub(daemon.Connect())),
      ranks_(ranks) {
  grpc::ClientContext context;
  v1::Job job;
  const grpc::Status created =
      jobs_->CreateJob(&context, JobRequest(id, ranks), &job);
  if (!created.ok()) Die(name_ + ": " + created.error_message());
  uid_ = job.uid();
  Prepare();
  Train();
  // A thousand jobs are not watched by a thousand users.
  jobs_.reset();
}

FakeJob::~FakeJob() {
  for (Rank& rank : ranks_) {
    rank.context.TryCancel();
    rank.heartbeats->Finish();
  }
  attach_context_.TryCancel();
  attach_->Finish();
}

v1::Job FakeJob::AwaitState(v1::Job::State state) {
  v1::WatchJobsRequest request;
  request.set_name(name_);
  grpc::ClientContext context;
  const auto reader = jobs_->WatchJobs(&context, request);
  v1::WatchJobsResponse change;
  while (reader->Read(&change)) {
    if (!change.has_job() || change.job().state() != state) continue;
    context.TryCancel();
    return change.job();
  }
  Die(absl::StrCat(name_, " never became ", v1::Job::State_Name(state)));
}

// The launcher writes it right after the state is on disk.
std::string FakeJob::TokenOf(int attempt) const {
  const std::string path = absl::StrCat(
      daemon_.state_dir(), "/jobs/", uid_, "/",
      attempt == 0 ? "prepare" : absl::StrCat("attempt-", attempt), "/token");
  for (int tries = 0; tries < 1000; ++tries) {
    std::string token;
    if (std::ifstream(path) >> token) return token;
    absl::SleepFor(absl::Milliseconds(5));
  }
  Die("no token in " + path);
}

void FakeJob::Prepare(grpc::ClientContext& context,
                      const std::string& token) const {
  context.AddMetadata("authorization", "Bearer " + token);
  context.AddMetadata(kVersionMetadata, VersionText());
}

worker::v1::Caller FakeJob::Caller(int attempt, int rank) const {
  worker::v1::Caller caller;
  caller.set_job(name_);
  caller.set_attempt(attempt);
  caller.set_rank(rank);
  return caller;
}

void FakeJob::Prepare() {
  AwaitState(v1::Job::PREPARING);
  worker::v1::ReportPreparedRequest request;
  *request.mutable_caller() = Caller(0, -1);
  request.mutable_plan()->set_steps(1'000'000);
  grpc::ClientContext context;
  Prepare(context, TokenOf(0));
  worker::v1::ReportPreparedResponse response;
  const grpc::Status status =
      worker_->ReportPrepared(&context, request, &response);
  if (!status.ok()) Die(name_ + ": " + status.error_message());
}

void FakeJob::Train() {
  AwaitState(v1::Job::STARTING);
  token_ = TokenOf(1);
  Prepare(attach_context_, token_);
  attach_ = worker_->Attach(&attach_context_);
  worker::v1::AttachRequest attach;
  *attach.mutable_caller() = Caller(1, -1);
  std::vector<std::thread> joining;
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
    attach.add_ranks()->set_rank(rank);
  }
  if (!attach_->Write(attach)) Die(name_ + ": its supervisor is refused");
  for (const worker::v1::RankProcess& rank : attach.ranks()) {
    joining.emplace_back([this, rank = rank.rank()] { Join(rank); });
  }
  for (std::thread& rank : joining) rank.join();
  Report(0, 1, [](const grpc::Status&) {});
  AwaitState(v1::Job::RUNNING);
}

void FakeJob::Join(int rank) {
  worker::v1::JoinRequest request;
  *request.mutable_caller() = Caller(1, rank);
  request.set_incarnation("load");
  grpc::ClientContext context;
  Prepare(context, token_);
  worker::v1::JoinResponse response;
  const grpc::Status status = worker_->Join(&context, request, &response);
  if (!status.ok()) Die(name_ + ": " + status.error_message());
  if (rank == 0) {
    heartbeat_interval_ =
        absl::Seconds(response.heartbeat_interval().seconds()) +
        absl::Nanoseconds(response.heartbeat_interval().nanos());
  }
  Prepare(ranks_[rank].context, token_);
  ranks_[rank].heartbeats = worker_->Heartbeat(&ranks_[rank].context);
  if (!Heartbeat(rank)) Die(name_ + ": its heartbeats are refused");
}

bool FakeJob::Heartbeat(int rank) {
  worker::v1::HeartbeatRequest request;
  *request.mutable_caller() = Caller(1, rank);
  request.set_step(ranks_[rank].seq);
  request.set_phase(worker::v1::PHASE_TRAINING);
  return ranks_[rank].heartbeats->Write(request);
}

void FakeJob::Report(int rank, int points, Answered answered) {
  using Call = UnaryCall<worker::v1::ReportRequest, worker::v1::ReportResponse>;
  auto call = std::make_shared<Call>();
  *call->request.mutable_caller() = Caller(1, rank);
  int64_t& seq = ranks_[rank].seq;
  for (int i = 0; i < points; ++i) {
    v1::MetricPoint& point = *call->request.add_points();
    point.set_seq(++seq);
    point.set_step(seq);
    point.mutable_time()->set_seconds(1'700'000'000 + seq);
    for (const char* value : kValues) {
      (*point.mutable_values())[value] = 1.0 / static_cast<double>(seq);
    }
  }
  call->request.mutable_progress()->set_step(seq);
  Prepare(call->context, token_);
  worker_->async()->Report(
      &call->context, &call->request, &call->response,
      [call, answered = std::move(answered)](const grpc::Status& status) {
        answered(status);
      });
}

void FakeJob::TellAll(int rank, bool gpu_had_error) {
  worker::v1::ReportRequest request;
  *request.mutable_caller() = Caller(1, rank);
  int64_t& seq = ranks_[rank].seq;
  const auto add =
      [&](int64_t step) -> google::protobuf::Map<std::string, double>& {
    v1::MetricPoint& point = *request.add_points();
    point.set_seq(++seq);
    point.set_step(step);
    return *point.mutable_values();
  };
  const int64_t step = seq + 1;
  auto& values = add(step);
  for (const StepPart& part : kStepParts) values[part.seconds] = 0.0625;
  if (rank == 0) {
    for (const char* value : kValues) values[value] = 1;
    for (const char* value : kMore) values[value] = 0.5;
    auto& evaluation = add(step);
    evaluation["eval_loss"] = 1;
    evaluation["eval_seconds"] = 1;
  }
  grpc::ClientContext context;
  Prepare(context, token_);
  worker::v1::ReportResponse response;
  const grpc::Status status = worker_->Report(&context, request, &response);
  if (!status.ok()) Die(name_ + ": " + status.error_message());
  if (rank == 0) CommitCheckpoint(step);
  TellGpu(rank, gpu_had_error);
}

void FakeJob::TellGpu(int rank, bool had_error) {
  constexpr int64_t kMemory = int64_t{80} << 30;
  constexpr uint32_t kNvlinkError = 74;
  worker::v1::HeartbeatRequest request;
  *request.mutable_caller() = Caller(1, rank);
  request.set_step(ranks_[rank].seq);
  request.set_phase(worker::v1::PHASE_TRAINING);
  worker::v1::GpuReading& gpu = *request.mutable_gpu();
  // Two jobs that tell of one GPU would share its series.
  gpu.set_uuid(absl::StrCat("GPU-played", rank, "-", uid_));
  gpu.set_memory_used_bytes(kMemory / 2);
  gpu.set_memory_total_bytes(kMemory);
  gpu.set_utilization_ratio(1);
  gpu.set_power_watts(700);
  gpu.set_energy_joules(static_cast<double>(ranks_[rank].seq));
  gpu.set_temperature_celsius(60);
  gpu.set_sm_clock_hertz(2e9);
  if (had_error) (*gpu.mutable_xid_errors())[kNvlinkError] = 1;
  if (!ranks_[rank].heartbeats->Write(request)) {
    Die(name_ + ": a heartbeat failed");
  }
}

void FakeJob::CommitCheckpoint(int64_t step) {
  using Request = worker::v1::CommitCheckpointRequest;
  Request request;
  *request.mutable_caller() = Caller(1, 0);
  v1::Checkpoint& checkpoint = *request.mutable_checkpoint();
  checkpoint.set_step(step);
  checkpoint.set_path(absl::StrCat("/out/checkpoint-", step));
  checkpoint.set_size_bytes(1 << 20);
  checkpoint.set_manifest_sha256(std::string(kSha256Digits, 'a'));
  for (const auto phase : {Request::PHASE_GRANT, Request::PHASE_COMMIT}) {
    request.set_phase(phase);
    grpc::ClientContext context;
    Prepare(context, token_);
    worker::v1::CommitCheckpointResponse response;
    const grpc::Status status =
        worker_->CommitCheckpoint(&context, request, &response);
    if (!status.ok()) Die(name_ + ": " + status.error_message());
  }
}

}  // namespace lockstep::load
