#ifndef LOCKSTEP_CLIENT_JOB_CONNECTION_H_
#define LOCKSTEP_CLIENT_JOB_CONNECTION_H_

// The calls of JobService and ClusterService as a client makes them: with
// deadline and retries, and streams that go on after an interruption. JobClient
// is the friendly face on top; tests put mocks/mock_job_connection.h here.
//
// Thread-safe: calls may run at the same time.

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job_service.pb.h"

namespace lockstep {

class JobConnection {
 public:
  // Sees each message of a stream; false ends the stream with OK.
  template <typename Response>
  using OnMessage = std::function<bool(const Response&)>;

  virtual ~JobConnection() = default;

  // Retried only with a request_id: without one, a retry could start a second
  // job.
  virtual absl::StatusOr<v1::Job> CreateJob(
      const v1::CreateJobRequest& request) = 0;
  virtual absl::StatusOr<v1::Job> GetJob(const v1::GetJobRequest& request) = 0;
  virtual absl::StatusOr<v1::ListJobsResponse> ListJobs(
      const v1::ListJobsRequest& request) = 0;
  virtual absl::StatusOr<v1::Job> CancelJob(
      const v1::CancelJobRequest& request) = 0;
  virtual absl::StatusOr<v1::Job> PauseJob(
      const v1::PauseJobRequest& request) = 0;
  virtual absl::StatusOr<v1::Job> ResumeJob(
      const v1::ResumeJobRequest& request) = 0;
  virtual absl::StatusOr<v1::JobExplanation> ExplainJob(
      const v1::ExplainJobRequest& request) = 0;
  virtual absl::StatusOr<v1::Job> UpdateJob(
      const v1::UpdateJobRequest& request) = 0;
  // Not retried: a second try could not tell its own success from a job that
  // was never there.
  virtual absl::Status DeleteJob(const v1::DeleteJobRequest& request) = 0;
  virtual absl::StatusOr<v1::ListEventsResponse> ListEvents(
      const v1::ListEventsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(
      const v1::ListCheckpointsRequest& request) = 0;
  virtual absl::StatusOr<v1::Checkpoint> UpdateCheckpoint(
      const v1::UpdateCheckpointRequest& request) = 0;
  virtual absl::StatusOr<v1::ListNodesResponse> ListNodes() = 0;
  virtual absl::StatusOr<v1::ServerInfo> GetServerInfo() = 0;
  virtual absl::StatusOr<v1::ServerConfig> GetServerConfig() = 0;
  virtual absl::StatusOr<v1::ServerInfo> DrainServer(
      const v1::DrainServerRequest& request) = 0;
  virtual absl::StatusOr<v1::ServerInfo> UndrainServer() = 0;
  virtual absl::StatusOr<v1::Device> DrainDevice(
      const v1::DrainDeviceRequest& request) = 0;
  virtual absl::StatusOr<v1::Device> UndrainDevice(
      const v1::UndrainDeviceRequest& request) = 0;
  virtual absl::StatusOr<v1::ListQueuesResponse> ListQueues() = 0;
  // Neither this nor DeleteQueue is retried: a second try could not tell its
  // own success from another's.
  virtual absl::StatusOr<v1::Queue> CreateQueue(
      const v1::CreateQueueRequest& request) = 0;
  virtual absl::StatusOr<v1::Queue> UpdateQueue(
      const v1::UpdateQueueRequest& request) = 0;
  virtual absl::Status DeleteQueue(const v1::DeleteQueueRequest& request) = 0;

  // Streams. When the coordinator goes away they are taken up again right after
  // the last message, so none is seen twice and none is lost. OK when the
  // coordinator ended the stream or `on_message` said false.
  virtual absl::Status WatchJobs(
      v1::WatchJobsRequest request,
      const OnMessage<v1::WatchJobsResponse>& on_message) = 0;
  virtual absl::Status StreamMetrics(
      v1::StreamMetricsRequest request,
      const OnMessage<v1::StreamMetricsResponse>& on_message) = 0;
  virtual absl::Status StreamLogs(
      v1::StreamLogsRequest request,
      const OnMessage<v1::StreamLogsResponse>& on_message) = 0;

  // Not taken up again: the rest of a copy is of no use.
  virtual absl::Status BackupStore(
      const OnMessage<v1::BackupStoreResponse>& on_message) = 0;

  // Ends all calls, running and later ones, with CANCELLED.
  virtual void Interrupt() = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_CLIENT_JOB_CONNECTION_H_
