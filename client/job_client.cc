#include "client/job_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/internal/grpc_connection.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr int kPageSize = 1000;

}  // namespace

std::shared_ptr<JobConnection> MakeJobConnection(const ClientOptions& options) {
  return std::make_shared<internal::GrpcConnection>(options);
}

absl::StatusOr<v1::Job> JobClient::Submit(const v1::JobSpec& spec,
                                          const SubmitOptions& options) {
  v1::CreateJobRequest request;
  request.set_job_id(options.job_id);
  *request.mutable_spec() = spec;
  request.set_request_id(options.request_id);
  request.set_validate_only(options.validate_only);
  return connection_->CreateJob(request);
}

absl::StatusOr<v1::Job> JobClient::Get(absl::string_view id) {
  v1::GetJobRequest request;
  request.set_name(JobName(id));
  return connection_->GetJob(request);
}

absl::StatusOr<std::vector<v1::Job>> JobClient::List(
    const ListOptions& options) {
  v1::ListJobsRequest request;
  for (v1::Job::State state : options.states) request.add_states(state);
  request.set_filter(options.filter);
  request.set_order_by(options.order_by);
  const int limit = options.limit;
  std::vector<v1::Job> jobs;
  do {
    const int left = limit > 0 ? limit - static_cast<int>(jobs.size()) : 0;
    request.set_page_size(limit > 0 ? std::min(left, kPageSize) : kPageSize);
    ASSIGN_OR_RETURN(v1::ListJobsResponse page, connection_->ListJobs(request));
    for (v1::Job& job : *page.mutable_jobs()) jobs.push_back(std::move(job));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() &&
           (limit <= 0 || static_cast<int>(jobs.size()) < limit));
  return jobs;
}

absl::StatusOr<v1::Job> JobClient::Cancel(absl::string_view id) {
  v1::CancelJobRequest request;
  request.set_name(JobName(id));
  return connection_->CancelJob(request);
}

absl::StatusOr<v1::Job> JobClient::Pause(absl::string_view id) {
  v1::PauseJobRequest request;
  request.set_name(JobName(id));
  return connection_->PauseJob(request);
}

absl::StatusOr<v1::Job> JobClient::Resume(absl::string_view id) {
  v1::ResumeJobRequest request;
  request.set_name(JobName(id));
  return connection_->ResumeJob(request);
}

absl::StatusOr<v1::JobExplanation> JobClient::Explain(absl::string_view id) {
  v1::ExplainJobRequest request;
  request.set_name(JobName(id));
  return connection_->ExplainJob(request);
}

absl::StatusOr<v1::Job> JobClient::ChangeLabels(
    absl::string_view id, const std::map<std::string, std::string>& set,
    const std::vector<std::string>& remove) {
  v1::UpdateJobRequest request;
  request.mutable_job()->set_name(JobName(id));
  *request.mutable_job()->mutable_labels() = {set.begin(), set.end()};
  google::protobuf::FieldMask& mask = *request.mutable_update_mask();
  for (const auto& [key, value] : set) mask.add_paths("labels." + key);
  for (const std::string& key : remove) mask.add_paths("labels." + key);
  return connection_->UpdateJob(request);
}

absl::StatusOr<v1::Job> JobClient::SetPriority(
    absl::string_view id, v1::ResourceSpec::Priority priority) {
  v1::UpdateJobRequest request;
  request.mutable_job()->set_name(JobName(id));
  request.mutable_job()->set_priority(priority);
  request.mutable_update_mask()->add_paths("priority");
  return connection_->UpdateJob(request);
}

absl::StatusOr<v1::Job> JobClient::SetQueue(absl::string_view id,
                                            absl::string_view queue) {
  v1::UpdateJobRequest request;
  request.mutable_job()->set_name(JobName(id));
  request.mutable_job()->set_queue(std::string(queue));
  request.mutable_update_mask()->add_paths("queue");
  return connection_->UpdateJob(request);
}

absl::Status JobClient::Delete(absl::string_view id) {
  v1::DeleteJobRequest request;
  request.set_name(JobName(id));
  return connection_->DeleteJob(request);
}

absl::StatusOr<JobClient::EventList> JobClient::Events(absl::string_view id) {
  v1::ListEventsRequest request;
  if (!id.empty()) request.set_name(JobName(id));
  request.set_page_size(kPageSize);
  EventList list;
  do {
    ASSIGN_OR_RETURN(v1::ListEventsResponse page,
                     connection_->ListEvents(request));
    for (v1::Event& event : *page.mutable_events()) {
      list.events.push_back(std::move(event));
    }
    list.resume_token = page.resume_token();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return list;
}

absl::Status JobClient::Watch(
    absl::string_view id,
    const std::function<bool(const v1::WatchJobsResponse&)>& on_change,
    const std::string& resume_token) {
  v1::WatchJobsRequest request;
  if (!id.empty()) request.set_name(JobName(id));
  request.set_resume_token(resume_token);
  while (true) {
    absl::Status status = connection_->WatchJobs(request, on_change);
    if (ErrorReason(status) != "RESUME_TOKEN_EXPIRED") return status;
    request.clear_resume_token();
  }
}

absl::StatusOr<v1::Job> JobClient::Wait(
    absl::string_view id,
    const std::function<void(const v1::Job&)>& on_change) {
  v1::Job job;
  RETURN_IF_ERROR(Watch(id, [&](const v1::WatchJobsResponse& change) {
    if (!change.has_job()) return true;
    job = change.job();
    on_change(job);
    return !IsTerminal(job.state());
  }));
  // The coordinator may end a watch of its own accord.
  if (!IsTerminal(job.state())) {
    return absl::UnavailableError("the watch ended before the job did");
  }
  return job;
}

absl::Status JobClient::Metrics(
    absl::string_view id, bool follow,
    const std::function<void(const v1::MetricPoint&)>& on_point,
    std::string* cursor) {
  v1::StreamMetricsRequest request;
  request.set_name(JobName(id));
  request.set_follow(follow);
  request.set_rank(0);
  if (cursor != nullptr) request.set_resume_token(*cursor);
  return connection_->StreamMetrics(
      request, [&](const v1::StreamMetricsResponse& batch) {
        for (const v1::MetricPoint& point : batch.points()) on_point(point);
        if (cursor != nullptr) *cursor = batch.resume_token();
        return true;
      });
}

absl::StatusOr<std::vector<v1::MetricPoint>> JobClient::Points(
    const v1::StreamMetricsRequest& request) {
  std::vector<v1::MetricPoint> points;
  RETURN_IF_ERROR(connection_->StreamMetrics(
      request, [&points](const v1::StreamMetricsResponse& batch) {
        points.insert(points.end(), batch.points().begin(),
                      batch.points().end());
        return true;
      }));
  return points;
}

absl::Status JobClient::Logs(
    const v1::StreamLogsRequest& request,
    const std::function<void(const v1::StreamLogsResponse&)>& on_lines) {
  return LogsWhile(request, [&](const v1::StreamLogsResponse& lines) {
    on_lines(lines);
    return true;
  });
}

absl::Status JobClient::LogsWhile(
    const v1::StreamLogsRequest& request,
    const std::function<bool(const v1::StreamLogsResponse&)>& on_lines) {
  return connection_->StreamLogs(request, on_lines);
}

absl::StatusOr<std::vector<v1::Checkpoint>> JobClient::Checkpoints(
    absl::string_view id) {
  v1::ListCheckpointsRequest request;
  request.set_name(JobName(id));
  ASSIGN_OR_RETURN(v1::ListCheckpointsResponse response,
                   connection_->ListCheckpoints(request));
  return std::vector<v1::Checkpoint>(response.checkpoints().begin(),
                                     response.checkpoints().end());
}

absl::StatusOr<v1::Checkpoint> JobClient::Pin(absl::string_view id,
                                              int64_t step, bool pinned) {
  v1::UpdateCheckpointRequest request;
  request.mutable_checkpoint()->set_name(CheckpointName(id, step));
  request.mutable_checkpoint()->set_pinned(pinned);
  request.mutable_update_mask()->add_paths("pinned");
  return connection_->UpdateCheckpoint(request);
}

absl::StatusOr<std::vector<v1::Node>> JobClient::Nodes() {
  ASSIGN_OR_RETURN(v1::ListNodesResponse response, connection_->ListNodes());
  return std::vector<v1::Node>(response.nodes().begin(),
                               response.nodes().end());
}

absl::StatusOr<v1::ServerInfo> JobClient::ServerInfo() {
  return connection_->GetServerInfo();
}

absl::StatusOr<v1::ServerConfig> JobClient::ServerConfig() {
  return connection_->GetServerConfig();
}

absl::StatusOr<v1::ServerInfo> JobClient::Drain(bool let_run) {
  v1::DrainServerRequest request;
  request.set_let_run(let_run);
  return connection_->DrainServer(request);
}

absl::StatusOr<v1::ServerInfo> JobClient::Undrain() {
  return connection_->UndrainServer();
}

absl::StatusOr<v1::Device> JobClient::DrainDevice(const std::string& device,
                                                  const std::string& reason) {
  v1::DrainDeviceRequest request;
  request.set_device(device);
  request.set_reason(reason);
  return connection_->DrainDevice(request);
}

absl::StatusOr<v1::Device> JobClient::UndrainDevice(const std::string& device) {
  v1::UndrainDeviceRequest request;
  request.set_device(device);
  return connection_->UndrainDevice(request);
}

absl::StatusOr<std::vector<v1::Queue>> JobClient::Queues() {
  ASSIGN_OR_RETURN(v1::ListQueuesResponse response, connection_->ListQueues());
  return std::vector<v1::Queue>(response.queues().begin(),
                                response.queues().end());
}

absl::StatusOr<v1::Queue> JobClient::CreateQueue(const v1::Queue& queue) {
  v1::CreateQueueRequest request;
  *request.mutable_queue() = queue;
  return connection_->CreateQueue(request);
}

absl::StatusOr<v1::Queue> JobClient::UpdateQueue(
    const v1::Queue& queue, const std::vector<std::string>& fields) {
  v1::UpdateQueueRequest request;
  *request.mutable_queue() = queue;
  for (const std::string& field : fields) {
    request.mutable_update_mask()->add_paths(field);
  }
  return connection_->UpdateQueue(request);
}

absl::Status JobClient::DeleteQueue(absl::string_view id) {
  v1::DeleteQueueRequest request;
  request.set_name(QueueName(id));
  return connection_->DeleteQueue(request);
}

absl::Status JobClient::WaitUntilIdle() {
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<v1::Job> busy,
                     List({.states = {v1::Job::PREPARING, v1::Job::STARTING,
                                      v1::Job::RUNNING, v1::Job::PAUSING,
                                      v1::Job::CANCELLING},
                           .filter = "",
                           .order_by = ""}));
    if (busy.empty()) return absl::OkStatus();
    const absl::Status left =
        Watch(absl::StripPrefix(busy.front().name(), "jobs/"),
              [](const v1::WatchJobsResponse& change) {
                return !change.has_job() || IsActive(change.job().state());
              });
    // One that was deleted meanwhile is as idle.
    if (!left.ok() && !absl::IsNotFound(left)) return left;
  }
}

absl::Status JobClient::Backup(
    const std::function<absl::Status(absl::string_view)>& on_piece) {
  absl::Status taken;
  int64_t bytes = 0;
  int64_t total = -1;
  RETURN_IF_ERROR(
      connection_->BackupStore([&](const v1::BackupStoreResponse& piece) {
        total = piece.total_bytes();
        bytes += static_cast<int64_t>(piece.data().size());
        taken = on_piece(piece.data());
        return taken.ok();
      }));
  if (taken.ok() && bytes != total) {
    return absl::DataLossError(
        absl::StrCat("the coordinator sent ", bytes, " bytes of ", total));
  }
  return taken;
}

}  // namespace lockstep
