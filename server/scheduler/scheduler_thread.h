#ifndef LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_THREAD_H_
#define LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_THREAD_H_

// The thread that runs Step: takes events from all others, commits what Step
// wants durable, and runs its effects once that is on disk, in order. Used by
// Scheduler alone, which turns calls into events.

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "server/clock.h"
#include "server/scheduler/command_board.h"
#include "server/scheduler/effect_runner.h"
#include "server/scheduler/rank_watch.h"
#include "server/scheduler/scheduler.h"
#include "server/scheduler/scheduler_options.h"
#include "server/scheduler/step.h"
#include "server/store/job_store.h"

namespace lockstep {

class SchedulerThread {
 public:
  SchedulerThread(const SchedulerOptions& options,
                  const Scheduler::Parts& parts);
  // Who still waits is told that the coordinator restarts.
  ~SchedulerThread();

  absl::Status Start();

  // Thread-safe: an event, and one whose `answer` is given when it is decided.
  template <typename What>
  void Post(What what) {
    inbox_->Post(std::move(what));
  }
  template <typename What, typename Answer>
  void PostCall(What what, Answer answer, Actor actor = {}) {
    what.ticket = callers_.Add(std::move(answer));
    inbox_->Post(std::move(what), std::move(actor));
  }
  // The same of what a user asks for, unless the store has no room for it: what
  // would only wait for the disk is refused at once.
  template <typename What, typename Answer>
  void PostWish(JobStore::Demand demand, What what, Answer answer,
                Actor actor = {}) {
    if (absl::Status room = parts_.store.CheckRoom(demand); !room.ok()) {
      return answer(std::move(room));
    }
    PostCall(std::move(what), std::move(answer), std::move(actor));
  }

  // Thread-safe.
  std::vector<v1::Node> Nodes() const ABSL_LOCKS_EXCLUDED(nodes_mu_);
  CommandBoard& board() { return board_; }
  RankWatch& watch() { return watch_; }
  // By which deadlines are measured.
  absl::Duration Now() const { return parts_.clock.Now(); }

 private:
  // A decision on its way to the disk.
  struct Pending;

  // Where other threads leave work. Shared with the callbacks that the store,
  // the launcher and the rendezvous hold: they may outlive this.
  struct Inbox {
    absl::Mutex mu;
    std::deque<Event> events ABSL_GUARDED_BY(mu);
    bool committed ABSL_GUARDED_BY(mu) = false;
    bool stopping ABSL_GUARDED_BY(mu) = false;

    template <typename What>
    void Post(What what, Actor actor = {}) ABSL_LOCKS_EXCLUDED(mu) {
      Event event{std::move(what), Entropy(), std::move(actor)};
      absl::MutexLock lock(&mu);
      if (!stopping) events.push_back(std::move(event));
    }
  };

  static std::string Entropy();

  StepTime Time() const {
    return {parts_.clock.Now(), parts_.clock.WallTime()};
  }
  absl::Status Load();
  absl::Status RemoveFilesOfDeleted();
  void Listen();
  void Adopt();
  void Run();
  std::deque<Event> WaitForEvents(absl::Duration timeout);
  // False while no decision gets to the disk.
  bool HasRoom() const;
  void Tick();
  void Decide(Event event);
  void Submit(StepResult result);
  void RunCommitted();
  void PublishNodes() ABSL_LOCKS_EXCLUDED(nodes_mu_);

  const SchedulerOptions options_;
  const Scheduler::Parts parts_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  WaitingCallers callers_;
  CommandBoard board_;
  RankWatch watch_;
  EffectRunner runner_;

  // Of the thread alone, once it runs.
  SchedulerState state_;
  std::deque<std::shared_ptr<Pending>> pending_;
  int64_t published_version_ = -1;  // Of the pool.
  // Set when a commit failed: what is in memory is ahead of the disk.
  absl::Status broken_;

  mutable absl::Mutex nodes_mu_;
  std::vector<v1::Node> nodes_ ABSL_GUARDED_BY(nodes_mu_);

  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_SCHEDULER_THREAD_H_
