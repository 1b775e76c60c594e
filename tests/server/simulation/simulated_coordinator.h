#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_COORDINATOR_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_COORDINATOR_H_

// One life of a coordinator, without threads: the real Step, rendezvous,
// tokens, event log and effects, between a simulated disk and a simulated host.
// What SchedulerThread does in its loop is done here one turn at a time, so
// that the coordinator can die between any two. Dying is the destructor.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/events/event_log.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/command_board.h"
#include "server/scheduler/deadline_clock.h"
#include "server/scheduler/effect_runner.h"
#include "server/scheduler/queue_policy.h"
#include "server/scheduler/rank_watch.h"
#include "server/scheduler/step.h"
#include "tests/server/simulation/promises.h"
#include "tests/server/simulation/simulated_host.h"
#include "tests/server/simulation/simulated_store.h"
#include "tests/testing/fake_clock.h"

namespace lockstep::testing {

// What can be wrong with a coordinator or the world under it: the promises must
// notice each.
enum class Fault {
  kNone,
  // Effects do not wait for the disk.
  kAnswersBeforeTheDisk,
  // The disk says durable too early.
  kLyingDisk,
  // Processes of an earlier life are called gone.
  kAdoptsNobody,
  // A restart forgets which requests had their answer.
  kForgetsRequests,
  // A restart forgets that the coordinator is drained.
  kForgetsTheDrain,
  // A restart forgets which devices are drained or excluded.
  kForgetsDrainedDevices,
  // A drain lets run what it was to stop.
  kDrainsNothing,
  // A restart forgets which jobs are to hold once they have stopped.
  kForgetsPauses,
  // A restart forgets whose time was over.
  kForgetsTimeLimits,
  // A restart takes every job for one that gives way.
  kTakesWithoutConsent,
  // What is freed for one is anybody's.
  kKeepsNothing,
  // A restart forgets which jobs follow others.
  kForgetsDependencies,
  // A restart forgets which checkpoints are pinned.
  kForgetsPins,
  // A restart forgets what priority jobs were given.
  kForgetsPriorities,
  // A restart forgets how long jobs wait after a failure.
  kForgetsBackoffs,
  // A restart forgets where time went.
  kForgetsTime,
  // Ranks that say all is well are called stuck.
  kHearsNothing,
  // A restart forgets what quotas the queues have.
  kForgetsQueues,
  // Whoever calls is taken for the attempt that runs.
  kLetsStrangersIn,
};

class SimulatedCoordinator {
 public:
  struct World {
    FakeClock& clock;
    SimulatedStore& store;
    SimulatedHost& host;
    Promises& promises;
    Fault fault = Fault::kNone;
  };

  // Reads the disk, adopts what lives. `life` is not that of any other.
  SimulatedCoordinator(const World& world, int64_t life);

  // Who calls is told when it is decided and on disk.
  template <typename What>
  void Post(What what) {
    inbox_.push_back({std::move(what), Entropy()});
  }
  template <typename What, typename Answer>
  void PostCall(What what, Answer answer) {
    what.ticket = callers_.Add(std::move(answer));
    Post(std::move(what));
  }

  // The door for processes: the token must be this attempt's.
  bool Admits(const LaunchRequest& process) const;
  bool LetsStrangersIn() const {
    return world_.fault == Fault::kLetsStrangersIn;
  }
  Rendezvous& rendezvous() { return rendezvous_; }
  CommandBoard& board() { return board_; }
  void Hear(const worker::v1::HeartbeatRequest& heartbeat);
  void Measure(const worker::v1::Caller& caller, const MetricPoints& points) {
    watch_.HearPoints(caller, points);
  }
  const EventLog& events() const { return events_; }

  // Turns; false when there is nothing to do.
  bool DecideNext();
  bool DoNextEffect();
  void Tick();

  std::vector<v1::Node> Nodes() const { return state_.pool.Nodes(); }

 private:
  struct Pending {
    std::deque<Effect> effects;
    bool done = false;
    std::vector<JournalEntry> entries;
  };

  std::string Entropy();
  StepTime Time() const {
    return {world_.clock.Now(), world_.clock.WallTime()};
  }
  void Load();
  void RemoveFilesOfDeleted();
  void Adopt();
  void Submit(StepResult result);

  const World world_;
  const int64_t life_;
  int64_t steps_ = 0;
  const SchedulerOptions options_;
  const QueuePolicy policy_;
  DeadlineClock deadline_clock_{world_.clock};
  Rendezvous rendezvous_;
  AttemptTokens tokens_;
  EventLog events_;
  CommandBoard board_;
  RankWatch watch_;
  WaitingCallers callers_;
  EffectRunner runner_;
  SchedulerState state_;
  std::deque<Event> inbox_;
  std::deque<std::shared_ptr<Pending>> pending_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_COORDINATOR_H_
