#ifndef LOCKSTEP_TESTS_CLIENT_FAKE_JOB_SERVICE_H_
#define LOCKSTEP_TESTS_CLIENT_FAKE_JOB_SERVICE_H_

// A coordinator that plays a part: every answer is set by the test. Serves on a
// UNIX socket in a folder of its own, so a real program can call it.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"

namespace lockstep::testing {

class FakeJobService final : public v1::JobService::Service {
 public:
  // What the test sets before any call.
  absl::Status create_error;
  std::map<std::string, v1::Job> jobs;         // By name.
  std::set<std::string> taken;                 // Names that cannot be created.
  std::vector<v1::WatchJobsResponse> changes;  // Of every watch.
  bool hold_watch = false;                     // Stay open afterwards.
  int drop_watch_after = -1;  // The first watch breaks after N changes,
  grpc::StatusCode drop_watch_with = grpc::StatusCode::UNAVAILABLE;  // so.
  // What GetJob answers with, unless OK.
  absl::Status get_error;
  // The newest of each.
  v1::StreamMetricsRequest metrics_request;
  v1::StreamLogsRequest logs_request;
  std::vector<v1::MetricPoint> points;
  // By job name; instead of `points` where there are some.
  std::map<std::string, std::vector<v1::MetricPoint>> points_of;
  std::string log;
  std::map<int, std::string> log_of_rank;  // Instead of `log`.
  std::vector<v1::Checkpoint> checkpoints;
  std::vector<v1::Event> events;
  v1::Event event_after_watch;  // Listed when there was a watch.
  absl::Status delete_error;
  v1::JobExplanation explanation;  // Of every job.

  v1::CreateJobRequest created() const {
    absl::MutexLock lock(&mu_);
    return created_;
  }
  v1::ListJobsRequest listed() const {
    absl::MutexLock lock(&mu_);
    return listed_;
  }
  v1::UpdateJobRequest updated() const {
    absl::MutexLock lock(&mu_);
    return updated_;
  }
  v1::UpdateCheckpointRequest pinned() const {
    absl::MutexLock lock(&mu_);
    return pinned_;
  }
  std::vector<std::string> deleted() const {
    absl::MutexLock lock(&mu_);
    return deleted_;
  }
  std::string authorization() const {
    absl::MutexLock lock(&mu_);
    return authorization_;
  }
  std::string traceparent() const {
    absl::MutexLock lock(&mu_);
    return traceparent_;
  }
  std::vector<std::string> watch_tokens() const {
    absl::MutexLock lock(&mu_);
    return watch_tokens_;
  }

  grpc::Status CreateJob(grpc::ServerContext* context,
                         const v1::CreateJobRequest* request,
                         v1::Job* job) override {
    Note(context);
    absl::MutexLock lock(&mu_);
    created_ = *request;
    if (!create_error.ok()) return ToGrpcStatus(create_error);
    job->set_name("jobs/" + request->spec().name());
    if (taken.contains(job->name())) {
      return ToGrpcStatus(errors::JobExists(job->name()));
    }
    *job->mutable_spec() = request->spec();
    job->set_state(v1::Job::QUEUED);
    return grpc::Status::OK;
  }

  grpc::Status GetJob(grpc::ServerContext* context,
                      const v1::GetJobRequest* request, v1::Job* job) override {
    Note(context);
    context->AddTrailingMetadata("x-request-id", "fake-7");
    if (!get_error.ok()) return ToGrpcStatus(get_error);
    return Find(request->name(), job);
  }

  grpc::Status CancelJob(grpc::ServerContext*,
                         const v1::CancelJobRequest* request,
                         v1::Job* job) override {
    grpc::Status status = Find(request->name(), job);
    job->set_state(v1::Job::CANCELLING);
    return status;
  }

  grpc::Status PauseJob(grpc::ServerContext*,
                        const v1::PauseJobRequest* request,
                        v1::Job* job) override {
    grpc::Status status = Find(request->name(), job);
    job->set_state(v1::Job::PAUSING);
    return status;
  }

  grpc::Status ResumeJob(grpc::ServerContext*,
                         const v1::ResumeJobRequest* request,
                         v1::Job* job) override {
    grpc::Status status = Find(request->name(), job);
    job->set_state(v1::Job::QUEUED);
    return status;
  }

  grpc::Status ExplainJob(grpc::ServerContext*,
                          const v1::ExplainJobRequest* request,
                          v1::JobExplanation* response) override {
    v1::Job ignored;
    grpc::Status status = Find(request->name(), &ignored);
    *response = explanation;
    return status;
  }

  grpc::Status UpdateJob(grpc::ServerContext*,
                         const v1::UpdateJobRequest* request,
                         v1::Job* job) override {
    absl::MutexLock lock(&mu_);
    updated_ = *request;
    return Find(request->job().name(), job);
  }

  grpc::Status DeleteJob(grpc::ServerContext*,
                         const v1::DeleteJobRequest* request,
                         google::protobuf::Empty*) override {
    absl::MutexLock lock(&mu_);
    if (!delete_error.ok()) return ToGrpcStatus(delete_error);
    v1::Job ignored;
    grpc::Status found = Find(request->name(), &ignored);
    if (found.ok()) deleted_.push_back(request->name());
    return found;
  }

  grpc::Status ListEvents(grpc::ServerContext*,
                          const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    v1::Job ignored;
    grpc::Status found = Find(request->name(), &ignored);
    if (!request->name().empty() && !found.ok()) return found;
    *response->mutable_events() = {events.begin(), events.end()};
    if (!watch_tokens().empty()) *response->add_events() = event_after_watch;
    response->set_resume_token(std::to_string(events.size()));
    return grpc::Status::OK;
  }

  grpc::Status ListJobs(grpc::ServerContext*,
                        const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    absl::MutexLock lock(&mu_);
    listed_ = *request;
    const auto& states = request->states();
    for (const auto& [name, job] : jobs) {
      if (states.empty() || std::find(states.begin(), states.end(),
                                      job.state()) != states.end()) {
        *response->add_jobs() = job;
      }
    }
    return grpc::Status::OK;
  }

  grpc::Status WatchJobs(
      grpc::ServerContext* context, const v1::WatchJobsRequest* request,
      grpc::ServerWriter<v1::WatchJobsResponse>* writer) override {
    size_t connection = 0;
    {
      absl::MutexLock lock(&mu_);
      watch_tokens_.push_back(request->resume_token());
      connection = watch_tokens_.size();
    }
    v1::Job ignored;
    grpc::Status found = Find(request->name(), &ignored);
    if (!request->name().empty() && changes.empty() && !found.ok()) {
      return found;
    }
    // Tokens count the changes from 1.
    size_t next = request->resume_token().empty()
                      ? 0
                      : std::stoul(request->resume_token());
    for (; next < changes.size(); ++next) {
      if (connection == 1 && static_cast<int>(next) == drop_watch_after) {
        return {drop_watch_with, "restarting"};
      }
      v1::WatchJobsResponse change = changes[next];
      change.set_resume_token(std::to_string(next + 1));
      writer->Write(change);
    }
    while (hold_watch && !context->IsCancelled()) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    return grpc::Status::OK;
  }

  grpc::Status StreamMetrics(
      grpc::ServerContext*, const v1::StreamMetricsRequest* request,
      grpc::ServerWriter<v1::StreamMetricsResponse>* writer) override {
    v1::Job ignored;
    grpc::Status found = Find(request->name(), &ignored);
    if (!found.ok() && points.empty()) return found;
    v1::StreamMetricsResponse batch;
    const auto own = points_of.find(request->name());
    const auto& sent = own == points_of.end() ? points : own->second;
    *batch.mutable_points() = {sent.begin(), sent.end()};
    for (v1::MetricPoint& point : *batch.mutable_points()) {
      if (request->spans()) continue;
      point.clear_spans();
      point.clear_spans_time();
    }
    metrics_request = *request;
    writer->Write(batch);
    return grpc::Status::OK;
  }

  grpc::Status StreamLogs(
      grpc::ServerContext*, const v1::StreamLogsRequest* request,
      grpc::ServerWriter<v1::StreamLogsResponse>* writer) override {
    std::string text = log;
    logs_request = *request;
    if (!log_of_rank.empty()) {
      const auto own = log_of_rank.find(request->rank());
      if (own == log_of_rank.end()) {
        return ToGrpcStatus(errors::Error(absl::StatusCode::kNotFound,
                                          "LOG_NOT_FOUND", "no log"));
      }
      text = own->second;
    }
    // As the contract has it; at least one.
    constexpr size_t kPiece = 32 << 10;
    for (size_t i = 0; i == 0 || i < text.size(); i += kPiece) {
      v1::StreamLogsResponse lines;
      lines.set_data(text.substr(i, kPiece));
      writer->Write(lines);
    }
    return grpc::Status::OK;
  }

  grpc::Status ListCheckpoints(grpc::ServerContext*,
                               const v1::ListCheckpointsRequest*,
                               v1::ListCheckpointsResponse* response) override {
    *response->mutable_checkpoints() = {checkpoints.begin(), checkpoints.end()};
    return grpc::Status::OK;
  }

  grpc::Status UpdateCheckpoint(grpc::ServerContext*,
                                const v1::UpdateCheckpointRequest* request,
                                v1::Checkpoint* checkpoint) override {
    absl::MutexLock lock(&mu_);
    pinned_ = *request;
    *checkpoint = request->checkpoint();
    return checkpoint->name() == "jobs/demo/checkpoints/40"
               ? grpc::Status::OK
               : ToGrpcStatus(errors::CheckpointNotFound(checkpoint->name()));
  }

 private:
  void Note(const grpc::ServerContext* context) {
    absl::MutexLock lock(&mu_);
    Note(context, "authorization", &authorization_);
    Note(context, "traceparent", &traceparent_);
  }

  static void Note(const grpc::ServerContext* context, const char* key,
                   std::string* value) {
    const auto found = context->client_metadata().find(key);
    if (found == context->client_metadata().end()) return;
    *value = std::string(found->second.data(), found->second.length());
  }

  grpc::Status Find(const std::string& name, v1::Job* job) const {
    const auto found = jobs.find(name);
    if (found == jobs.end()) return ToGrpcStatus(errors::JobNotFound(name));
    *job = found->second;
    return grpc::Status::OK;
  }

  mutable absl::Mutex mu_;
  v1::CreateJobRequest created_ ABSL_GUARDED_BY(mu_);
  v1::ListJobsRequest listed_ ABSL_GUARDED_BY(mu_);
  v1::UpdateJobRequest updated_ ABSL_GUARDED_BY(mu_);
  v1::UpdateCheckpointRequest pinned_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> deleted_ ABSL_GUARDED_BY(mu_);
  std::string authorization_ ABSL_GUARDED_BY(mu_);
  std::string traceparent_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> watch_tokens_ ABSL_GUARDED_BY(mu_);
};

class FakeClusterService final : public v1::ClusterService::Service {
 public:
  FakeClusterService() {
    info.set_version("0.1.0");
    v1::ServerSetting& setting = *config.add_settings();
    setting.set_name("cpu-slots");
    setting.set_value("4");
  }

  std::vector<v1::Node> nodes;
  v1::ServerInfo info;
  v1::ServerConfig config;
  std::vector<std::string> drains;  // "drain" and "undrain", as they came.
  std::vector<v1::Queue> queues;
  v1::UpdateQueueRequest queue_update;
  absl::Status queue_error;
  std::string backup;
  absl::Status backup_error;  // After all of it was sent.

  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*,
                         v1::ListNodesResponse* response) override {
    *response->mutable_nodes() = {nodes.begin(), nodes.end()};
    return grpc::Status::OK;
  }
  grpc::Status GetServerInfo(grpc::ServerContext*,
                             const v1::GetServerInfoRequest*,
                             v1::ServerInfo* response) override {
    *response = info;
    return grpc::Status::OK;
  }
  grpc::Status GetServerConfig(grpc::ServerContext*,
                               const v1::GetServerConfigRequest*,
                               v1::ServerConfig* response) override {
    *response = config;
    return grpc::Status::OK;
  }
  grpc::Status DrainServer(grpc::ServerContext*,
                           const v1::DrainServerRequest* request,
                           v1::ServerInfo* response) override {
    drains.push_back(request->let_run() ? "drain, let run" : "drain");
    info.mutable_drain_time()->set_seconds(1000);
    *response = info;
    return grpc::Status::OK;
  }
  grpc::Status UndrainServer(grpc::ServerContext*,
                             const v1::UndrainServerRequest*,
                             v1::ServerInfo* response) override {
    drains.push_back("undrain");
    info.clear_drain_time();
    *response = info;
    return grpc::Status::OK;
  }
  grpc::Status DrainDevice(grpc::ServerContext*,
                           const v1::DrainDeviceRequest* request,
                           v1::Device* response) override {
    drains.push_back(request->device() + ": " + request->reason());
    response->set_id(request->device());
    response->set_drained(request->reason());
    return grpc::Status::OK;
  }
  grpc::Status UndrainDevice(grpc::ServerContext*,
                             const v1::UndrainDeviceRequest* request,
                             v1::Device* response) override {
    drains.push_back("undrain " + request->device());
    response->set_id(request->device());
    return grpc::Status::OK;
  }
  grpc::Status ListQueues(grpc::ServerContext*, const v1::ListQueuesRequest*,
                          v1::ListQueuesResponse* response) override {
    *response->mutable_queues() = {queues.begin(), queues.end()};
    return grpc::Status::OK;
  }
  grpc::Status CreateQueue(grpc::ServerContext*,
                           const v1::CreateQueueRequest* request,
                           v1::Queue* response) override {
    queues.push_back(request->queue());
    *response = request->queue();
    return ToGrpcStatus(queue_error);
  }
  grpc::Status UpdateQueue(grpc::ServerContext*,
                           const v1::UpdateQueueRequest* request,
                           v1::Queue* response) override {
    queue_update = *request;
    *response = request->queue();
    return ToGrpcStatus(queue_error);
  }
  grpc::Status DeleteQueue(grpc::ServerContext*,
                           const v1::DeleteQueueRequest* request,
                           google::protobuf::Empty*) override {
    std::erase_if(queues, [&](const v1::Queue& queue) {
      return queue.name() == request->name();
    });
    return ToGrpcStatus(queue_error);
  }
  grpc::Status BackupStore(
      grpc::ServerContext*, const v1::BackupStoreRequest*,
      grpc::ServerWriter<v1::BackupStoreResponse>* writer) override {
    for (size_t sent = 0; sent < backup.size(); sent += 1 << 20) {
      v1::BackupStoreResponse piece;
      piece.set_data(backup.substr(sent, 1 << 20));
      piece.set_total_bytes(static_cast<int64_t>(backup.size()));
      writer->Write(piece);
    }
    return ToGrpcStatus(backup_error);
  }
};

// Both services on a socket, from construction to destruction.
class FakeCoordinator {
 public:
  FakeCoordinator() {
    char path[] = "/tmp/lockstep-test-XXXXXX";
    folder_ = mkdtemp(path);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
    builder.RegisterService(&jobs);
    builder.RegisterService(&cluster);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr) << address();
  }
  ~FakeCoordinator() {
    server_->Shutdown(std::chrono::system_clock::now());
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string address() const { return "unix:" + folder_ + "/sock"; }
  // A folder for the test's files.
  const std::string& folder() const { return folder_; }

  FakeJobService jobs;
  FakeClusterService cluster;

 private:
  std::string folder_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_CLIENT_FAKE_JOB_SERVICE_H_
