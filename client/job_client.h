#ifndef LOCKSTEP_CLIENT_JOB_CLIENT_H_
#define LOCKSTEP_CLIENT_JOB_CLIENT_H_

// A client of a Lockstep coordinator: submit jobs, watch them, read what they
// report. Takes and returns ids ("qwen3-4b"), not resource names.
//
// Thread-safe and cheap to copy: copies share one connection. Errors are those
// of job_service.proto; ErrorReason (proto/contract/errors.h) tells them apart.
//
//   JobClient client(MakeJobConnection(options));
//   ASSIGN_OR_RETURN(v1::Job job, client.Submit(spec, {}));
//   ASSIGN_OR_RETURN(job, client.Wait(id, [](const v1::Job&) {}));

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/client_options.h"
#include "client/job_connection.h"

namespace lockstep {

// A connection over gRPC; connects at the first call.
std::shared_ptr<JobConnection> MakeJobConnection(const ClientOptions& options);

struct SubmitOptions {
  std::string job_id;
  // Makes a retry safe: the same id and spec return the first job.
  std::string request_id;
  bool validate_only = false;
};

struct ListOptions {
  // All states when empty.
  std::vector<v1::Job::State> states;
  // As ListJobsRequest has them.
  std::string filter;
  std::string order_by;
  // At most this many when above 0.
  int limit = 0;
};

class JobClient {
 public:
  explicit JobClient(std::shared_ptr<JobConnection> connection)
      : connection_(std::move(connection)) {}

  absl::StatusOr<v1::Job> Submit(const v1::JobSpec& spec,
                                 const SubmitOptions& options);
  absl::StatusOr<v1::Job> Get(absl::string_view id);
  // All pages, newest first unless the options say otherwise.
  absl::StatusOr<std::vector<v1::Job>> List(const ListOptions& options);
  absl::StatusOr<v1::Job> Cancel(absl::string_view id);
  // The job gives its devices back and holds; it waits for them again.
  absl::StatusOr<v1::Job> Pause(absl::string_view id);
  absl::StatusOr<v1::Job> Resume(absl::string_view id);
  // Why it is where it is.
  absl::StatusOr<v1::JobExplanation> Explain(absl::string_view id);
  // Sets these labels, removes those, and leaves the others.
  absl::StatusOr<v1::Job> ChangeLabels(
      absl::string_view id, const std::map<std::string, std::string>& set,
      const std::vector<std::string>& remove);
  // Only of a job that has not ended.
  absl::StatusOr<v1::Job> SetPriority(absl::string_view id,
                                      v1::ResourceSpec::Priority priority);
  // Only of a job that holds no device. Both are ids.
  absl::StatusOr<v1::Job> SetQueue(absl::string_view id,
                                   absl::string_view queue);
  // Only an ended job can be deleted.
  absl::Status Delete(absl::string_view id);

  struct EventList {
    std::vector<v1::Event> events;
    // For Watch.
    std::string resume_token;
  };
  // What happened to a job (to all when `id` is empty), oldest first.
  absl::StatusOr<EventList> Events(absl::string_view id);

  // The job as it is now, then after each change (all jobs when `id` is empty)
  // until `on_change` says false. A watch that fell too far behind begins anew.
  // With a token only the changes behind it.
  absl::Status Watch(
      absl::string_view id,
      const std::function<bool(const v1::WatchJobsResponse&)>& on_change,
      const std::string& resume_token = "");
  // Watches until the job has ended and returns it.
  absl::StatusOr<v1::Job> Wait(
      absl::string_view id,
      const std::function<void(const v1::Job&)>& on_change);

  // Points of rank 0 in order of arrival; with `follow` until the job has
  // ended. With a cursor only those behind it (empty: all), and it moves behind
  // the last.
  absl::Status Metrics(
      absl::string_view id, bool follow,
      const std::function<void(const v1::MetricPoint&)>& on_point,
      std::string* cursor = nullptr);
  // The points that are asked for, of whatever rank, as there are now.
  absl::StatusOr<std::vector<v1::MetricPoint>> Points(
      const v1::StreamMetricsRequest& request);
  absl::Status Logs(
      const v1::StreamLogsRequest& request,
      const std::function<void(const v1::StreamLogsResponse&)>& on_lines);
  // The same until `on_lines` says false.
  absl::Status LogsWhile(
      const v1::StreamLogsRequest& request,
      const std::function<bool(const v1::StreamLogsResponse&)>& on_lines);
  absl::StatusOr<std::vector<v1::Checkpoint>> Checkpoints(absl::string_view id);
  // Whether it stays though others are newer.
  absl::StatusOr<v1::Checkpoint> Pin(absl::string_view id, int64_t step,
                                     bool pinned);
  absl::StatusOr<std::vector<v1::Node>> Nodes();
  absl::StatusOr<v1::ServerInfo> ServerInfo();
  absl::StatusOr<v1::ServerConfig> ServerConfig();
  // From now on nothing new starts there, and what trains stops with a
  // checkpoint unless it is let run.
  absl::StatusOr<v1::ServerInfo> Drain(bool let_run);
  absl::StatusOr<v1::ServerInfo> Undrain();
  // A device, by its id, is given to no job from now on; or it is again.
  absl::StatusOr<v1::Device> DrainDevice(const std::string& device,
                                         const std::string& reason);
  absl::StatusOr<v1::Device> UndrainDevice(const std::string& device);
  // By name.
  absl::StatusOr<std::vector<v1::Queue>> Queues();
  absl::StatusOr<v1::Queue> CreateQueue(const v1::Queue& queue);
  // `fields` of it: gpu_quota, cpu_quota, weight.
  absl::StatusOr<v1::Queue> UpdateQueue(const v1::Queue& queue,
                                        const std::vector<std::string>& fields);
  absl::Status DeleteQueue(absl::string_view id);
  // Returns when no job is being prepared, started, run or stopped. Useful
  // after Drain: else the next ones start.
  absl::Status WaitUntilIdle();
  // A copy of the job store, piece by piece, until `on_piece` fails; that is
  // then the result. DATA_LOSS when it is not whole.
  absl::Status Backup(
      const std::function<absl::Status(absl::string_view)>& on_piece);

  // Ends all calls of all copies, running and later ones, with CANCELLED.
  void Interrupt() { connection_->Interrupt(); }

 private:
  std::shared_ptr<JobConnection> connection_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_CLIENT_JOB_CLIENT_H_
