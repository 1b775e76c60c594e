#ifndef LOCKSTEP_CLIENT_INTERNAL_GRPC_CONNECTION_H_
#define LOCKSTEP_CLIENT_INTERNAL_GRPC_CONNECTION_H_

// JobConnection over gRPC: one channel, a deadline on every unary call, retries
// by retry_loop.h.

#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/client_options.h"
#include "client/internal/retry_loop.h"
#include "client/job_connection.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "lockstep/v1/job_service.grpc.pb.h"

namespace lockstep::internal {

// Thread-safe.
class GrpcConnection : public JobConnection {
 public:
  // With a channel of its own to options.server.
  explicit GrpcConnection(const ClientOptions& options);
  // Over a given channel: tests.
  GrpcConnection(const ClientOptions& options,
                 const std::shared_ptr<grpc::Channel>& channel);

  absl::StatusOr<v1::Job> CreateJob(
      const v1::CreateJobRequest& request) override;
  absl::StatusOr<v1::Job> GetJob(const v1::GetJobRequest& request) override;
  absl::StatusOr<v1::ListJobsResponse> ListJobs(
      const v1::ListJobsRequest& request) override;
  absl::StatusOr<v1::Job> CancelJob(
      const v1::CancelJobRequest& request) override;
  absl::StatusOr<v1::Job> PauseJob(const v1::PauseJobRequest& request) override;
  absl::StatusOr<v1::Job> ResumeJob(
      const v1::ResumeJobRequest& request) override;
  absl::StatusOr<v1::JobExplanation> ExplainJob(
      const v1::ExplainJobRequest& request) override;
  absl::StatusOr<v1::Job> UpdateJob(
      const v1::UpdateJobRequest& request) override;
  absl::Status DeleteJob(const v1::DeleteJobRequest& request) override;
  absl::StatusOr<v1::ListEventsResponse> ListEvents(
      const v1::ListEventsRequest& request) override;
  absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(
      const v1::ListCheckpointsRequest& request) override;
  absl::StatusOr<v1::Checkpoint> UpdateCheckpoint(
      const v1::UpdateCheckpointRequest& request) override;
  absl::StatusOr<v1::ListNodesResponse> ListNodes() override;
  absl::StatusOr<v1::ServerInfo> GetServerInfo() override;
  absl::StatusOr<v1::ServerConfig> GetServerConfig() override;
  absl::StatusOr<v1::ServerInfo> DrainServer(
      const v1::DrainServerRequest& request) override;
  absl::StatusOr<v1::ServerInfo> UndrainServer() override;
  absl::StatusOr<v1::Device> DrainDevice(
      const v1::DrainDeviceRequest& request) override;
  absl::StatusOr<v1::Device> UndrainDevice(
      const v1::UndrainDeviceRequest& request) override;
  absl::StatusOr<v1::ListQueuesResponse> ListQueues() override;
  absl::StatusOr<v1::Queue> CreateQueue(
      const v1::CreateQueueRequest& request) override;
  absl::StatusOr<v1::Queue> UpdateQueue(
      const v1::UpdateQueueRequest& request) override;
  absl::Status DeleteQueue(const v1::DeleteQueueRequest& request) override;
  absl::Status WatchJobs(
      v1::WatchJobsRequest request,
      const OnMessage<v1::WatchJobsResponse>& on_message) override;
  absl::Status StreamMetrics(
      v1::StreamMetricsRequest request,
      const OnMessage<v1::StreamMetricsResponse>& on_message) override;
  absl::Status StreamLogs(
      v1::StreamLogsRequest request,
      const OnMessage<v1::StreamLogsResponse>& on_message) override;
  absl::Status BackupStore(
      const OnMessage<v1::BackupStoreResponse>& on_message) override;
  void Interrupt() override;

 private:
  // A ClientContext that Interrupt cancels while it is in use.
  class Call;
  // Sleeps until the time is over or Interrupt is called; connects meanwhile.
  class InterruptibleSleeper : public Sleeper {
   public:
    explicit InterruptibleSleeper(GrpcConnection& owner) : owner_(owner) {}
    bool Sleep(absl::Duration duration) override;

   private:
    GrpcConnection& owner_;
  };

  template <typename Response, typename Stub, typename Request>
  absl::StatusOr<Response> Unary(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request, bool idempotent = true);
  // Reads one stream to its end, or until `on_message` says false.
  template <typename Response, typename Open>
  absl::Status Read(const Open& open, const OnMessage<Response>& on_message);
  template <typename Request, typename Response>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Response>> (
                          v1::JobService::Stub::*method)(grpc::ClientContext*,
                                                         const Request&),
                      const Request& request,
                      const OnMessage<Response>& on_message);

  const ClientOptions options_;
  const RetryPolicy unary_policy_;
  const RetryPolicy stream_policy_;
  const std::shared_ptr<grpc::Channel> channel_;
  v1::JobService::Stub jobs_;
  v1::ClusterService::Stub cluster_;
  InterruptibleSleeper sleeper_{*this};

  absl::Mutex mu_;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::internal

#endif  // LOCKSTEP_CLIENT_INTERNAL_GRPC_CONNECTION_H_
