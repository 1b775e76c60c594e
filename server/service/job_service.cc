#include "server/service/job_service.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "proto/contract/errors.h"
#include "proto/contract/queue.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"
#include "server/clock.h"
#include "server/events/metric_log.h"
#include "server/scheduler/dependencies.h"
#include "server/scheduler/device_pool.h"
#include "server/scheduler/queue_uses.h"
#include "server/scheduler/scheduler.h"
#include "server/service/call.h"
#include "server/service/create_request.h"
#include "server/service/find_checkpoint.h"
#include "server/service/find_origin.h"
#include "server/service/job_watch.h"
#include "server/service/list_events.h"
#include "server/service/list_jobs.h"
#include "server/service/log_stream.h"
#include "server/service/message_bytes.h"
#include "server/service/metric_stream.h"
#include "server/service/update_request.h"
#include "server/store/goodput.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

using JobReply = absl::StatusOr<SharedJob>;

absl::Status CheckDependencies(const JobStore& store, const v1::JobSpec& spec) {
  SharedJob found;
  const std::string name = spec.name().empty() ? "" : JobName(spec.name());
  return FindDependencies(name, spec,
                          [&](const std::string& name) {
                            found = store.Find(name).value_or(nullptr);
                            return found.get();
                          })
      .status();
}

// NOT_FOUND: QUEUE_NOT_FOUND. FAILED_PRECONDITION: NOT_ENOUGH_QUOTA.
absl::Status CheckQueueWanted(const ServiceParts& parts, const DevicePool& pool,
                              const v1::JobSpec& spec) {
  const std::string name = QueueName(QueueWanted(spec));
  for (const server::QueueRecord& record : parts.store.Queues()) {
    if (record.queue().name() != name) continue;
    return CheckQuota(record.queue(), pool, spec);
  }
  // It is there though nobody has changed it yet.
  if (QueueWanted(spec) == kDefaultQueue) return absl::OkStatus();
  return errors::QueueNotFound(name);
}

// What CreateJob would accept, without doing it.
absl::StatusOr<SharedJob> Validate(const ServiceParts& parts,
                                   const Scheduler::CreateJob& create) {
  RETURN_IF_ERROR(create.origin.status());
  const DevicePool pool(parts.scheduler.Nodes());
  RETURN_IF_ERROR(pool.CheckFits(create.spec));
  RETURN_IF_ERROR(CheckQueueWanted(parts, pool, create.spec));
  RETURN_IF_ERROR(CheckDependencies(parts.store, create.spec));
  auto made = std::make_shared<v1::Job>();
  v1::Job& job = *made;
  if (create.origin->has_value()) *job.mutable_origin() = **create.origin;
  if (!create.spec.name().empty()) {
    job.set_name(JobName(create.spec.name()));
    if (parts.store.Find(job.name()).ok()) return errors::JobExists(job.name());
  }
  *job.mutable_labels() = create.spec.labels();
  job.set_priority(create.spec.resources().priority());
  job.set_queue(QueueWanted(create.spec));
  *job.mutable_spec() = create.spec;
  job.set_state(v1::Job::QUEUED);
  job.set_desired(v1::Job::RUN);
  job.set_owner(create.owner);
  return made;
}

void SetSlowdowns(const Scheduler& scheduler, v1::Job& job) {
  if (job.attempts().empty()) return;
  v1::Attempt& attempt = *job.mutable_attempts()->rbegin();
  const std::vector<double> slowdowns =
      scheduler.Slowdowns(job.name(), job.attempt());
  const int ranks =
      std::min(attempt.ranks_size(), static_cast<int>(slowdowns.size()));
  for (int i = 0; i < ranks; ++i) {
    attempt.mutable_ranks(i)->set_slowdown(slowdowns[i]);
  }
}

absl::StatusOr<v1::Job> Get(const ServiceParts& parts,
                            const std::string& name) {
  RETURN_IF_ERROR(CheckJobName(name));
  ASSIGN_OR_RETURN(const JobRow row, parts.store.FindRow(name));
  v1::Job job = row->job();
  *job.mutable_goodput() = GoodputAt(*row, parts.clock.WallTime());
  SetSlowdowns(parts.scheduler, job);
  return job;
}

absl::StatusOr<v1::ListCheckpointsResponse> ListedCheckpoints(
    const JobStore& store, const std::string& name) {
  RETURN_IF_ERROR(CheckJobName(name));
  ASSIGN_OR_RETURN(std::vector<v1::Checkpoint> checkpoints,
                   store.ListCheckpoints(name));
  v1::ListCheckpointsResponse response;
  for (v1::Checkpoint& checkpoint : checkpoints) {
    *response.add_checkpoints() = std::move(checkpoint);
  }
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* JobServiceImpl::CreateJob(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
    grpc::ByteBuffer* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.JobService/CreateJob");
  const auto answer = [call, response](const JobReply& job) {
    call->FinishBytes(job, response);
  };
  const auto accept = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(Principal principal, call->Admit(*context));
    ASSIGN_OR_RETURN(v1::CreateJobRequest request,
                     FromBytes<v1::CreateJobRequest>(*bytes));
    const bool validate_only = request.validate_only();
    ASSIGN_OR_RETURN(
        Scheduler::CreateJob create,
        ResolveCreateRequest(std::move(request), std::move(principal.name),
                             parts_.scheduler.Nodes()));
    create.origin = FindOrigin(parts_.store, create.spec);
    create.traceparent = call->tags().traceparent;
    if (validate_only) {
      answer(Validate(parts_, create));
    } else {
      parts_.scheduler.Create(std::move(create), answer);
    }
    return absl::OkStatus();
  };
  if (absl::Status status = accept(); !status.ok()) call->Finish(status);
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(
    grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
    v1::Job* response) {
  const auto call = UnaryCall::Start(parts_, "lockstep.v1.JobService/GetJob");
  const absl::Status admitted = call->Admit(*context).status();
  call->Finish(admitted.ok() ? Get(parts_, request->name()) : admitted,
               response);
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(
    grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
    v1::ListJobsResponse* response) {
  const auto call = UnaryCall::Start(parts_, "lockstep.v1.JobService/ListJobs");
  const absl::Status admitted = call->Admit(*context).status();
  call->Finish(admitted.ok() ? lockstep::ListJobs(parts_.store, *request,
                                                  parts_.clock.WallTime())
                             : admitted,
               response);
  return call.get();
}

template <typename Request>
grpc::ServerUnaryReactor* JobServiceImpl::Ask(
    grpc::CallbackServerContext* context, absl::string_view method,
    Transition transition, const Request& request, v1::Job* response) {
  const auto call = UnaryCall::Start(parts_, method);
  const absl::StatusOr<Principal> caller = call->Admit(*context);
  absl::Status status = caller.status();
  if (status.ok()) status = CheckJobName(request.name());
  if (!status.ok()) {
    call->Finish(status);
    return call.get();
  }
  (parts_.scheduler.*transition)(ActorOf(*caller), request.name(),
                                 request.etag(),
                                 [call, response](const JobReply& job) {
                                   call->FinishShared(job, response);
                                 });
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::CancelJob(
    grpc::CallbackServerContext* context, const v1::CancelJobRequest* request,
    v1::Job* response) {
  return Ask(context, "lockstep.v1.JobService/CancelJob", &Scheduler::Cancel,
             *request, response);
}

grpc::ServerUnaryReactor* JobServiceImpl::PauseJob(
    grpc::CallbackServerContext* context, const v1::PauseJobRequest* request,
    v1::Job* response) {
  return Ask(context, "lockstep.v1.JobService/PauseJob", &Scheduler::Pause,
             *request, response);
}

grpc::ServerUnaryReactor* JobServiceImpl::ResumeJob(
    grpc::CallbackServerContext* context, const v1::ResumeJobRequest* request,
    v1::Job* response) {
  return Ask(context, "lockstep.v1.JobService/ResumeJob", &Scheduler::Resume,
             *request, response);
}

grpc::ServerUnaryReactor* JobServiceImpl::ExplainJob(
    grpc::CallbackServerContext* context, const v1::ExplainJobRequest* request,
    v1::JobExplanation* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.JobService/ExplainJob");
  absl::Status status = call->Admit(*context).status();
  if (status.ok()) status = CheckJobName(request->name());
  if (!status.ok()) {
    call->Finish(status);
    return call.get();
  }
  parts_.scheduler.Explain(
      request->name(),
      [call, response](absl::StatusOr<v1::JobExplanation> explanation) {
        call->Finish(std::move(explanation), response);
      });
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::UpdateJob(
    grpc::CallbackServerContext* context, const v1::UpdateJobRequest* request,
    v1::Job* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.JobService/UpdateJob");
  const auto accept = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Principal caller, call->Admit(*context));
    ASSIGN_OR_RETURN(Scheduler::UpdateJob update,
                     ResolveUpdateRequest(*request));
    parts_.scheduler.Update(ActorOf(caller), std::move(update),
                            [call, response](const JobReply& job) {
                              call->FinishShared(job, response);
                            });
    return absl::OkStatus();
  };
  if (absl::Status status = accept(); !status.ok()) call->Finish(status);
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::DeleteJob(
    grpc::CallbackServerContext* context, const v1::DeleteJobRequest* request,
    google::protobuf::Empty*) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.JobService/DeleteJob");
  const absl::StatusOr<Principal> caller = call->Admit(*context);
  absl::Status status = caller.status();
  if (status.ok()) status = CheckJobName(request->name());
  if (!status.ok()) {
    call->Finish(status);
    return call.get();
  }
  parts_.scheduler.Delete(
      ActorOf(*caller), request->name(), request->etag(),
      [call, &metric_log = parts_.metric_log](const JobReply& job) {
        if (job.ok()) metric_log.Forget((*job)->uid());
        call->Finish(job.status());
      });
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::ListEvents(
    grpc::CallbackServerContext* context, const v1::ListEventsRequest* request,
    v1::ListEventsResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.JobService/ListEvents");
  const absl::Status admitted = call->Admit(*context).status();
  call->Finish(admitted.ok()
                   ? lockstep::ListEvents(parts_.store, parts_.events, *request)
                   : admitted,
               response);
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::ListCheckpoints(
    grpc::CallbackServerContext* context,
    const v1::ListCheckpointsRequest* request,
    v1::ListCheckpointsResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.JobService/ListCheckpoints");
  const absl::Status admitted = call->Admit(*context).status();
  call->Finish(admitted.ok() ? ListedCheckpoints(parts_.store, request->name())
                             : admitted,
               response);
  return call.get();
}

grpc::ServerUnaryReactor* JobServiceImpl::UpdateCheckpoint(
    grpc::CallbackServerContext* context,
    const v1::UpdateCheckpointRequest* request, v1::Checkpoint* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.JobService/UpdateCheckpoint");
  const auto accept = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Principal caller, call->Admit(*context));
    ASSIGN_OR_RETURN(const CheckpointRef ref, ResolveUpdateRequest(*request));
    parts_.scheduler.Pin(ActorOf(caller), ref.job, ref.step,
                         request->checkpoint().pinned(),
                         [call, response, ref,
                          &store = parts_.store](const absl::Status& status) {
                           if (!status.ok()) return call->Finish(status);
                           call->Finish(FindCheckpoint(store, ref), response);
                         });
    return absl::OkStatus();
  };
  if (absl::Status status = accept(); !status.ok()) call->Finish(status);
  return call.get();
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* JobServiceImpl::WatchJobs(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  return JobWatch::Start<JobWatch>(*context, parts_, changes_,
                                   FromBytes<v1::WatchJobsRequest>(*request));
}

grpc::ServerWriteReactor<v1::StreamMetricsResponse>*
JobServiceImpl::StreamMetrics(grpc::CallbackServerContext* context,
                              const v1::StreamMetricsRequest* request) {
  return MetricStream::Start<MetricStream>(*context, parts_, *request);
}

grpc::ServerWriteReactor<v1::StreamLogsResponse>* JobServiceImpl::StreamLogs(
    grpc::CallbackServerContext* context,
    const v1::StreamLogsRequest* request) {
  return LogStream::Start<LogStream>(*context, parts_, *request);
}

}  // namespace lockstep
