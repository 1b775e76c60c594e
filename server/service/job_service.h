#ifndef LOCKSTEP_SERVER_SERVICE_JOB_SERVICE_H_
#define LOCKSTEP_SERVER_SERVICE_JOB_SERVICE_H_

// lockstep.v1.JobService: turns each RPC into one call of the scheduler (to
// change something) or of the store (to look). The streams are in job_watch.h,
// metric_stream.h and log_stream.h. Decides nothing itself.

#include <string>

#include "absl/strings/string_view.h"
#include "lockstep/v1/job_service.grpc.pb.h"
#include "server/scheduler/scheduler.h"
#include "server/service/change_cache.h"
#include "server/service/service_parts.h"

namespace lockstep {

// WatchJobs is answered with bytes, which many watchers share; CreateJob with
// those of the job as all others have it, and it keeps the spec that came:
// copies were a fifth of its time.
class JobServiceImpl final
    : public v1::JobService::WithRawCallbackMethod_CreateJob<
          v1::JobService::WithRawCallbackMethod_WatchJobs<
              v1::JobService::CallbackService>> {
 public:
  explicit JobServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* bytes,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request,
                                   v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* PauseJob(grpc::CallbackServerContext* context,
                                     const v1::PauseJobRequest* request,
                                     v1::Job* response) override;
  grpc::ServerUnaryReactor* ResumeJob(grpc::CallbackServerContext* context,
                                      const v1::ResumeJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* ExplainJob(grpc::CallbackServerContext* context,
                                       const v1::ExplainJobRequest* request,
                                       v1::JobExplanation* response) override;
  grpc::ServerUnaryReactor* UpdateJob(grpc::CallbackServerContext* context,
                                      const v1::UpdateJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* DeleteJob(
      grpc::CallbackServerContext* context, const v1::DeleteJobRequest* request,
      google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* ListEvents(
      grpc::CallbackServerContext* context,
      const v1::ListEventsRequest* request,
      v1::ListEventsResponse* response) override;
  grpc::ServerUnaryReactor* ListCheckpoints(
      grpc::CallbackServerContext* context,
      const v1::ListCheckpointsRequest* request,
      v1::ListCheckpointsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateCheckpoint(
      grpc::CallbackServerContext* context,
      const v1::UpdateCheckpointRequest* request,
      v1::Checkpoint* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchJobs(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<v1::StreamMetricsResponse>* StreamMetrics(
      grpc::CallbackServerContext* context,
      const v1::StreamMetricsRequest* request) override;
  grpc::ServerWriteReactor<v1::StreamLogsResponse>* StreamLogs(
      grpc::CallbackServerContext* context,
      const v1::StreamLogsRequest* request) override;

 private:
  using Transition = void (Scheduler::*)(Actor actor, std::string name,
                                         std::string etag,
                                         Scheduler::Reply<SharedJob> reply);

  // A call that asks for one; `method` as CallRecord wants it.
  template <typename Request>
  grpc::ServerUnaryReactor* Ask(grpc::CallbackServerContext* context,
                                absl::string_view method, Transition transition,
                                const Request& request, v1::Job* response);

  const ServiceParts parts_;
  ChangeCache changes_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_JOB_SERVICE_H_
