#ifndef LOCKSTEP_CLIENT_MOCKS_MOCK_JOB_CONNECTION_H_
#define LOCKSTEP_CLIENT_MOCKS_MOCK_JOB_CONNECTION_H_

// For tests of programs that use JobClient.

#include "client/job_connection.h"
#include "gmock/gmock.h"

namespace lockstep {

class MockJobConnection : public JobConnection {
 public:
  MOCK_METHOD(absl::StatusOr<v1::Job>, CreateJob, (const v1::CreateJobRequest&),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::Job>, GetJob, (const v1::GetJobRequest&),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::ListJobsResponse>, ListJobs,
              (const v1::ListJobsRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::Job>, CancelJob, (const v1::CancelJobRequest&),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::Job>, PauseJob, (const v1::PauseJobRequest&),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::Job>, ResumeJob, (const v1::ResumeJobRequest&),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::JobExplanation>, ExplainJob,
              (const v1::ExplainJobRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::Job>, UpdateJob, (const v1::UpdateJobRequest&),
              (override));
  MOCK_METHOD(absl::Status, DeleteJob, (const v1::DeleteJobRequest&),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::ListEventsResponse>, ListEvents,
              (const v1::ListEventsRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListCheckpointsResponse>, ListCheckpoints,
              (const v1::ListCheckpointsRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::Checkpoint>, UpdateCheckpoint,
              (const v1::UpdateCheckpointRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListNodesResponse>, ListNodes, (), (override));
  MOCK_METHOD(absl::StatusOr<v1::ServerInfo>, GetServerInfo, (), (override));
  MOCK_METHOD(absl::StatusOr<v1::ServerConfig>, GetServerConfig, (),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::ServerInfo>, DrainServer,
              (const v1::DrainServerRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::ServerInfo>, UndrainServer, (), (override));
  MOCK_METHOD(absl::StatusOr<v1::Device>, DrainDevice,
              (const v1::DrainDeviceRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::Device>, UndrainDevice,
              (const v1::UndrainDeviceRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListQueuesResponse>, ListQueues, (),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::Queue>, CreateQueue,
              (const v1::CreateQueueRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::Queue>, UpdateQueue,
              (const v1::UpdateQueueRequest&), (override));
  MOCK_METHOD(absl::Status, DeleteQueue, (const v1::DeleteQueueRequest&),
              (override));
  MOCK_METHOD(absl::Status, BackupStore,
              (const OnMessage<v1::BackupStoreResponse>&), (override));
  MOCK_METHOD(absl::Status, WatchJobs,
              (v1::WatchJobsRequest, const OnMessage<v1::WatchJobsResponse>&),
              (override));
  MOCK_METHOD(absl::Status, StreamMetrics,
              (v1::StreamMetricsRequest,
               const OnMessage<v1::StreamMetricsResponse>&),
              (override));
  MOCK_METHOD(absl::Status, StreamLogs,
              (v1::StreamLogsRequest, const OnMessage<v1::StreamLogsResponse>&),
              (override));
  MOCK_METHOD(void, Interrupt, (), (override));
};

}  // namespace lockstep

#endif  // LOCKSTEP_CLIENT_MOCKS_MOCK_JOB_CONNECTION_H_
