#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_HOST_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_HOST_H_

// The host of the simulation: a Launcher whose processes outlive coordinators,
// leave exit files, and really hold their devices. What processes do by
// themselves is simulated_process.h's business. Runs on one thread.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/launcher/launcher.h"
#include "server/scheduler/scheduler.h"

namespace lockstep::testing {

// A prepare process, or a supervisor with its ranks.
struct HostProcess {
  LaunchRequest request;
  int64_t pid = 0;
  bool told_to_stop = false;  // SIGTERM, or the word of the coordinator.
  bool dies = false;          // SIGKILL is on its way.
  bool asked_for_checkpoint = false;  // And to stop with it.
  bool ranks_live = true;
  // In the queue of an engine that places attempts: nothing of it runs yet.
  bool waits = false;
  // The ranks' ends, once they have ended: what the exit file says.
  std::vector<worker::v1::RankProcess> exit_file;
  // What each rank knows: not asked, waits for an answer, is welcome.
  enum class Join { kNo, kWaits, kDone };
  std::vector<Join> joins;
  int64_t step = 0;
  worker::v1::Phase phase = worker::v1::PHASE_TRAINING;
  // A rank that is stopped (SIGSTOP): it says nothing, and the others wait for
  // it. Or the ranks talk on, and none takes a step.
  std::optional<int> stopped_rank;
  bool stands = false;
  // One of the two, now or earlier.
  bool has_stood = false;
  // Rank 0's, while it is open; what comes on it is taken at once.
  std::unique_ptr<Scheduler::CommandSubscription> heartbeats;

  const AttemptRef& attempt() const { return request.attempt; }
  bool prepares() const { return request.attempt.attempt == 0; }
};

class SimulatedHost final : public Launcher {
 public:
  // What is expected of the coordinator, checked as it happens.
  struct Watchers {
    std::function<void(const LaunchRequest&)> launching;
    std::function<void(const AttemptRef&, bool kill)> signalled;
    std::function<void(const std::string& uid)> removing;
    // Whether this launch fails.
    std::function<bool()> launch_fails;
  };

  // With `engine` it is a cluster whose engine places attempts when it likes.
  // With `adopts_nobody` processes of an earlier life are called gone.
  SimulatedHost(int cpu_slots, bool engine, Watchers watchers,
                bool adopts_nobody)
      : cpu_slots_(cpu_slots),
        engine_(engine),
        watchers_(std::move(watchers)),
        adopts_nobody_(adopts_nobody) {}

  const std::vector<std::shared_ptr<HostProcess>>& processes() const {
    return processes_;
  }
  // The ranks of a supervisor are gone; `exit_code` is that of each.
  void EndRanks(HostProcess& process, int exit_code);
  // It is gone, and its ranks with it. The coordinator hears of it, if there is
  // one that watches.
  void End(const std::shared_ptr<HostProcess>& process, int exit_code,
           int signal);
  // What the engine does by itself: starts the first that waits, says why it
  // waits, does not answer or does again, and says which it does not know.
  bool AnyWaits() const { return FirstThatWaits() != nullptr; }
  void StartOne();
  void SayWhyOneWaits();
  void Answer(bool answers);
  void SayWhoIsGone();

  // Nobody is watched any more.
  void CoordinatorDied();

  // Whether ranks of this attempt of the job are alive.
  bool RanksLive(const std::string& uid, int attempt) const;
  bool Lives(const std::string& uid, int attempt) const {
    return Find(uid, attempt) != nullptr;
  }
  // Whether a prepare or ranks of this job are; a supervisor that has told
  // their end only leaves.
  bool AnyWorks(const std::string& uid) const;
  // Whether all ranks of an attempt of this job once ended well.
  bool HasSucceeded(const std::string& uid) const {
    return succeeded_.contains(uid);
  }

  void SetListener(Listener listener) override;
  absl::StatusOr<server::ProcessRecord> Launch(
      const LaunchRequest& request) override;
  absl::Status Adopt(const AttemptRef& attempt, const std::string& job_uid,
                     const server::ProcessRecord& record,
                     ProcessEnd* end) override;
  absl::Status Signal(const AttemptRef& attempt, bool kill) override;
  absl::Status RemoveFiles(const std::string& job_uid) override;
  std::vector<v1::Node> Nodes() const override;
  void Close(const AttemptRef& attempt) override;
  void SetEngineListener(EngineListener listener) override;
  // Nobody else is there.
  void SetUseListener(UseListener /*listener*/) override {}

 private:
  std::shared_ptr<HostProcess> Find(const std::string& uid, int attempt) const;

  std::shared_ptr<HostProcess> FirstThatWaits() const;
  void TellEngine(std::variant<EngineNews, EngineReach> said) const;

  const int cpu_slots_;
  const bool engine_;
  const Watchers watchers_;
  const bool adopts_nobody_;
  Listener listener_;
  EngineListener engine_listener_;
  // Looked for by this coordinator, and not there.
  std::vector<ProcessEnd> gone_;
  int64_t next_pid_ = 1000;
  std::vector<std::shared_ptr<HostProcess>> processes_;
  std::set<int64_t> watched_;
  // Exit files of processes that are gone: (uid, attempt) -> ranks.
  std::map<std::pair<std::string, int>, std::vector<worker::v1::RankProcess>>
      exit_files_;
  std::set<std::string> succeeded_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_SIMULATED_HOST_H_
