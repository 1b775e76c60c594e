#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_PROCESS_LIFE_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_PROCESS_LIFE_H_

// What processes of the simulation do: one thing at a time, as chance has it.
// Prepares report or crash, ranks join, train, commit checkpoints and end in
// every way there is; calls are late, are made twice, or are made by ranks of
// an attempt that has long ended. Runs on one thread.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/simulation/chance.h"
#include "tests/server/simulation/promises.h"
#include "tests/server/simulation/simulated_coordinator.h"
#include "tests/server/simulation/simulated_host.h"

namespace lockstep::testing {

worker::v1::Caller CallerOf(const LaunchRequest& request, int rank);
// By the disk; null when there is no such job any more.
const v1::Job* JobOf(const Promises& promises, const LaunchRequest& request);

class ProcessLife {
 public:
  ProcessLife(Chance& chance, SimulatedHost& host, Promises& promises)
      : chance_(chance), host_(host), promises_(promises) {}

  // One of the processes does something; the coordinator may be null: away.
  void Act(SimulatedCoordinator* coordinator);
  // A call that was admitted long ago arrives.
  void DeliverLate(SimulatedCoordinator* coordinator);
  // A rank that was thought dead calls.
  void StrangerCalls(SimulatedCoordinator* coordinator);
  // What is on its way is lost.
  void CoordinatorDied() { late_.clear(); }

  // Time went by: all ranks that can say where they are, and have done a step.
  void SayAllIsWell(SimulatedCoordinator& coordinator);

  // The oldest process does what leads to a good end.
  void ActWell(SimulatedCoordinator& coordinator);

 private:
  using Process = std::shared_ptr<HostProcess>;
  struct Late {
    LaunchRequest from;
    std::function<void(SimulatedCoordinator&)> call;
  };

  // Whether the door is open; one that is turned away ends.
  bool MayCall(const Process& process, SimulatedCoordinator* coordinator);
  void Prepare(const Process& process, SimulatedCoordinator* coordinator);
  void ReportPlan(const Process& process, SimulatedCoordinator& coordinator);
  void Train(const Process& process, SimulatedCoordinator* coordinator);
  void Leave(const Process& process, SimulatedCoordinator* coordinator);
  void Attach(const Process& process, SimulatedCoordinator& coordinator);
  void Join(const Process& process, int rank,
            SimulatedCoordinator& coordinator);
  void Heartbeat(const Process& process, SimulatedCoordinator& coordinator);
  void Report(const Process& process, SimulatedCoordinator& coordinator);
  void Fail(const Process& process, SimulatedCoordinator& coordinator);
  void Commit(const LaunchRequest& from, int64_t step,
              SimulatedCoordinator& coordinator);
  void Checkpoint(const Process& process, SimulatedCoordinator& coordinator);
  void Unlist(const Process& process, SimulatedCoordinator& coordinator);
  // Of one that has a rank that is stopped.
  void Stand(const Process& process, SimulatedCoordinator* coordinator);
  void Die(const Process& process, int exit_code, int signal);
  bool AllJoined(const HostProcess& process) const;
  int AnyExitCode(const HostProcess& process);

  Chance& chance_;
  SimulatedHost& host_;
  Promises& promises_;
  std::deque<Late> late_;
  // Of attempts whose processes are gone.
  struct Stranger {
    LaunchRequest request;
    int64_t step = 0;
  };
  std::deque<Stranger> strangers_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_PROCESS_LIFE_H_
