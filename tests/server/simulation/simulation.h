#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATION_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATION_H_

// A whole cluster in one thread, in an order that a seed decides: clients,
// processes, a disk with group commit, time, and a coordinator that dies
// between any two of its turns and comes back. Promises are checked after each
// of them.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/simulation/chance.h"
#include "tests/server/simulation/process_life.h"
#include "tests/server/simulation/promises.h"
#include "tests/server/simulation/simulated_coordinator.h"
#include "tests/server/simulation/simulated_host.h"
#include "tests/server/simulation/simulated_store.h"
#include "tests/testing/fake_clock.h"

namespace lockstep::testing {

// How much happened: a simulation that does nothing keeps every promise.
struct SimulationCounts {
  std::map<v1::Job::State, int> ended_in;
  int attempts = 0;
  // Of these by a drain or a more urgent job, by the latter, and by a pause.
  int preempted = 0;
  int taken = 0;
  int paused = 0;
  int timed_out = 0;
  int hung = 0;
  int lost_followers = 0;
  // Devices, after a fault of theirs.
  int excluded = 0;
  int waited_for_the_hour = 0;
  int deleted = 0;
  // Changes of queues, and jobs that waited for the quota of theirs.
  int queue_changes = 0;
  int moved = 0;
  int waited_for_quota = 0;
  int checkpoints = 0;
  int crashes = 0;
  int64_t watched = 0;
  // Attempts that an engine began to start.
  int placed_by_engine = 0;
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed, Fault fault = Fault::kNone);

  // So many things happen, and then everything comes to its end. What was
  // broken first is returned, or "".
  std::string Run(int events);

  const SimulationCounts& counts() const { return counts_; }

 private:
  static constexpr int kCpuSlots = 4;
  // One of so many has an engine that places attempts.
  static constexpr uint64_t kSeedsPerEngine = 4;

  void Something();
  void Client();
  void Create();
  void Cancel(const std::string& name);
  void Pause(const std::string& name);
  void Resume(const std::string& name);
  void ResumeAll();
  void Label(const std::string& name);
  void Prioritize(const std::string& name);
  void MoveToQueue(const std::string& name);
  void ChangeQueues();
  void LiftQuotas();
  void Pin(const std::string& name);
  void Delete(const std::string& name);
  void Drain(bool let_run);
  void Undrain();
  void DrainDevice();
  void UndrainDevice();
  void UndrainDevices();
  std::string AnyJob();
  std::string AnyEtag(const std::string& name);
  // What an engine does by itself.
  void EngineTurn();
  // Time goes by while all do their work.
  void Pass();
  void CoordinatorTurn();
  // As the real one goes round; false when there was nothing to do.
  bool LoopOnce();
  void Sync();
  void Crash();
  void Restart();
  void Watch();
  void Finish();
  // All that can be decided and done without new events from outside.
  void Settle();
  void Count();

  SimulatedHost::Watchers HostWatchers();

  Chance chance_;
  const Fault fault_;
  FakeClock clock_;
  Promises promises_;
  SimulatedStore store_;
  const bool engine_;
  SimulatedHost host_;
  ProcessLife processes_;
  std::unique_ptr<SimulatedCoordinator> coordinator_;
  int64_t lives_ = 0;
  int64_t last_label_ = 0;
  int64_t watch_cursor_ = 0;
  bool finishing_ = false;
  SimulationCounts counts_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATION_H_
