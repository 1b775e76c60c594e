#ifndef LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_H_
#define LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_H_

// The one thread around the pure Step (step.h): it turns calls into events,
// runs Step, commits what Step wants durable, and runs the effects (reply,
// spawn, publish) after the commit, outside every lock. It is the only writer
// of the store and so the only place where a job changes state.
//
// The public methods are thread-safe and return at once; `reply` runs on the
// store's or the scheduler's thread once the decision is on disk, and must not
// block. What a user asks for is refused on the caller's own thread, with
// RESOURCE_EXHAUSTED (STORE_FULL), while the store has no room for it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job.pb.h"
#include "lockstep/v1/job_service.pb.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "server/scheduler/actor.h"
#include "server/scheduler/deadline_clock.h"
#include "server/store/job_row.h"

namespace lockstep {

class Clock;
class EventLog;
class JobStore;
class Launcher;
class Rendezvous;
class SchedulerThread;
class AttemptTokens;
class SchedulingPolicy;
struct RankGpu;
struct RankHeard;
struct SchedulerOptions;

class Scheduler {
 public:
  template <typename T>
  using Reply = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  using Ack = absl::AnyInvocable<void(absl::Status)>;

  struct CreateJob {
    std::string job_id;      // Valid, or empty: generated.
    v1::JobSpec spec;        // Valid, with defaults.
    std::string request_id;  // May be empty.
    std::string request_digest;
    std::string owner;
    // W3C trace context of the call; empty when it had none.
    std::string traceparent;
    // Where it goes on from; or why it cannot, which an exact retry of an
    // earlier request does not ask.
    absl::StatusOr<std::optional<v1::Checkpoint>> origin =
        std::optional<v1::Checkpoint>();
  };

  // What of a queue shall be as it is in `queue`, which is valid.
  struct QueueUpdate {
    v1::Queue queue;
    bool gpu_quota = false;
    bool cpu_quota = false;
    bool weight = false;
  };

  // How labels, priority and queue of a job shall be.
  struct UpdateJob {
    std::string name;
    std::string etag;  // May be empty.
    // All of them, or only those of `keys`: what `labels` lacks is removed.
    bool replace_all = false;
    std::vector<std::string> keys;
    std::map<std::string, std::string> labels;
    // As it is when not set.
    std::optional<v1::ResourceSpec::Priority> priority;
    std::optional<std::string> queue;
  };

  // Borrowed parts outlive the scheduler.
  struct Parts {
    // Stands while the store is full; the rendezvous has it, too.
    DeadlineClock& clock;
    JobStore& store;
    EventLog& events;
    Launcher& launcher;
    Rendezvous& rendezvous;
    AttemptTokens& tokens;
    const SchedulingPolicy& policy;
  };

  Scheduler(const SchedulerOptions& options, Parts parts);
  // Stops the thread; jobs and their processes go on (SIGTERM detaches).
  ~Scheduler();

  // Loads the store, adopts or buries the processes of an earlier life, and
  // starts the thread.
  absl::Status Start();

  // From JobService. PERMISSION_DENIED: NOT_JOB_OWNER, the actor may not change
  // that job. An etag that is not empty must be that of the job.
  void Create(CreateJob request, Reply<SharedJob> reply);
  void Cancel(Actor actor, std::string name, std::string etag,
              Reply<SharedJob> reply);
  void Pause(Actor actor, std::string name, std::string etag,
             Reply<SharedJob> reply);
  void Resume(Actor actor, std::string name, std::string etag,
              Reply<SharedJob> reply);
  void Explain(std::string name, Reply<v1::JobExplanation> reply);
  void Update(Actor actor, UpdateJob request, Reply<SharedJob> reply);
  // Answers with the job as it was.
  void Delete(Actor actor, std::string name, std::string etag,
              Reply<SharedJob> reply);

  // Of a listed one of a job that has not ended.
  void Pin(Actor actor, std::string job, int64_t step, bool pinned, Ack ack);

  // From ClusterService: from now on nothing new starts, and what trains stops
  // with a checkpoint unless it is let run; or that is over.
  void Drain(Actor actor, bool let_run, Ack ack);
  void Undrain(Actor actor, Ack ack);
  // The device is given to no job from now on; or it is again. NOT_FOUND:
  // DEVICE_NOT_FOUND. INVALID_ARGUMENT: INVALID_REASON.
  void DrainDevice(Actor actor, std::string device, std::string reason,
                   Ack ack);
  void UndrainDevice(Actor actor, std::string device, Ack ack);

  // Queues. Names that no queue can have are unknown.
  void CreateQueue(v1::Queue queue, Reply<v1::Queue> reply);
  void UpdateQueue(QueueUpdate request, Reply<v1::Queue> reply);
  void DeleteQueue(std::string name, Ack ack);
  void ListQueues(Reply<v1::ListQueuesResponse> reply);

  // From WorkerService; the caller was authenticated as this attempt.
  void Prepared(worker::v1::ReportPreparedRequest report, Ack ack);
  void SupervisorAttached(worker::v1::AttachRequest report, Ack ack);
  // progress and failure of a Report. Never blocks, no ack: the newest wins.
  void Reported(worker::v1::Caller caller, v1::Progress progress,
                bool has_progress, worker::v1::RankFailure failure,
                bool has_failure, std::vector<v1::Event> events);
  // A heartbeat: never blocks, no ack. One that says nothing new costs nothing.
  void Heard(const worker::v1::HeartbeatRequest& heartbeat);
  // A Report says that its rank lives, and perhaps how many steps are done.
  // Its stream of heartbeats came to a good end.
  void Left(const worker::v1::Caller& caller);
  void HeardReport(const worker::v1::Caller& caller,
                   std::optional<int64_t> step);
  // Of points it brings, those that say where a rank's time went count.
  void Measured(
      const worker::v1::Caller& caller,
      const google::protobuf::RepeatedPtrField<v1::MetricPoint>& points);
  void Checkpoint(worker::v1::CommitCheckpointRequest request, Ack ack);
  // Whether the ranks of this attempt shall stop, for their heartbeats'
  // streams.
  worker::v1::HeartbeatResponse::Command CommandFor(
      const worker::v1::Caller& caller) const;
  // What the open Attach stream of this attempt shall be told, if anything.
  worker::v1::AttachResponse SupervisorCommand(
      const worker::v1::Caller& caller) const;
  // `wake` runs when CommandFor or SupervisorCommand of this attempt may have
  // changed, and when the attempt has ended; it must not block. Ends when the
  // returned object is destroyed.
  class CommandSubscription {
   public:
    virtual ~CommandSubscription() = default;
  };
  std::unique_ptr<CommandSubscription> SubscribeCommands(
      const worker::v1::Caller& caller, std::function<void()> wake);

  // RankPlacement.slowdown of each rank of a live attempt; empty for others.
  std::vector<double> Slowdowns(const std::string& job, int attempt) const;

  // For ClusterService.
  std::vector<v1::Node> Nodes() const;

  // Of all attempts whose ranks have joined, for the metrics.
  std::vector<RankHeard> Ranks() const;
  // What they told of their GPUs, those that did not fall silent since.
  std::vector<RankGpu> Gpus() const;

 private:
  const std::unique_ptr<SchedulerThread> thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_H_
