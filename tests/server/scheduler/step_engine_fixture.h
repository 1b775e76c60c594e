#ifndef LOCKSTEP_TESTS_SERVER_SCHEDULER_STEP_ENGINE_FIXTURE_H_
#define LOCKSTEP_TESTS_SERVER_SCHEDULER_STEP_ENGINE_FIXTURE_H_

// A job of four ranks on two hosts, n1 and n2, which an engine places.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/scheduler/step_world.h"

namespace lockstep::testing {

inline const AttemptRef kFirst{"jobs/a", 1};

class StepEngineFixture : public ::testing::Test {
 protected:
  // Up to the launch of attempt 1.
  void Start() {
    v1::JobSpec spec;
    spec.mutable_resources()->set_ranks(4);
    spec.mutable_resources()->set_nodes(2);
    spec.set_max_restarts(1);
    world_.Create("a", spec);
    world_.Launched({"jobs/a", 0});
    world_.Prepared("a");
  }
  // Up to its first step.
  void Train() {
    Start();
    world_.Says({.attempt = kFirst, .id = "7", .started = true});
    world_.AttachedFrom("a", "n1", 0, 2, /*ended=*/false);
    world_.AttachedFrom("a", "n2", 2, 2, /*ended=*/false);
    world_.Joined("a", 1);
    world_.Progress("a", 1, 1);
  }
  void Silent(int rank, bool over = false) {
    world_.Do(SilenceEvent{
        {kFirst, {.rank = rank, .silent_for = absl::Seconds(10)}, over}});
  }
  void PassAHeartbeat() { world_.Advance(world_.options().heartbeat_interval); }
  // The engine's word on the end of attempt 1, without files.
  void EngineSays(v1::Attempt::EndCause cause, const std::string& message,
                  bool another_may_help = true) {
    world_.Do(ProcessEndEvent{
        {.attempt = kFirst,
         .ranks = {},
         .engine = EngineEnd{cause, message, another_may_help}}});
  }
  const v1::Attempt& attempt(int number = 1) const {
    return world_.job("a").attempts(number - 1);
  }
  std::vector<std::string> EventTypes() const {
    std::vector<std::string> types;
    for (const v1::Event& event : world_.events()) {
      types.push_back(event.type());
    }
    return types;
  }
  const LaunchRequest& Launched() const {
    for (const Effect& effect : world_.effects()) {
      if (const auto* launch = std::get_if<LaunchEffect>(&effect)) {
        return launch->request;
      }
    }
    ADD_FAILURE() << "nothing is launched";
    static const LaunchRequest none;
    return none;
  }

  StepWorld world_{/*cpu_slots=*/8, /*slurm=*/true};
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SCHEDULER_STEP_ENGINE_FIXTURE_H_
