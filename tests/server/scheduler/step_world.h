#ifndef LOCKSTEP_TESTS_SERVER_SCHEDULER_STEP_WORLD_H_
#define LOCKSTEP_TESTS_SERVER_SCHEDULER_STEP_WORLD_H_

// Step with a clock and a disk of a test's own. After each step the promises
// that hold always are checked: legal transitions, one version a write, no
// device held twice, terminal states for ever, one answer a caller.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/scheduler/queue_policy.h"
#include "server/scheduler/step.h"

namespace lockstep::testing {

class StepWorld {
 public:
  // With `slurm` the slots are of an engine that places attempts.
  explicit StepWorld(int cpu_slots, bool slurm = false);

  // What the disk holds after the step; its effects are in effects().
  void Do(decltype(Event::what) what, Actor actor = {});
  // A call of somebody; the event's ticket is set here.
  Ticket DoAs(Actor actor, decltype(Event::what) what);
  // The coordinator is started again on its disk.
  void Restart();
  void Advance(absl::Duration by);

  // Calls; the answer of each is looked up by its ticket.
  Ticket Create(const std::string& id, int ranks, int max_restarts = 1);
  Ticket Create(const std::string& id, v1::JobSpec spec);
  // On one rank.
  Ticket CreateAs(const std::string& owner, const std::string& id);
  Ticket Cancel(const std::string& id, const std::string& etag = "");
  Ticket Pause(const std::string& id, const std::string& etag = "");
  Ticket Resume(const std::string& id, const std::string& etag = "");
  Ticket Delete(const std::string& id, const std::string& etag = "");
  Ticket Update(Scheduler::UpdateJob request);
  Ticket CreateQueue(const v1::Queue& queue);
  Ticket UpdateQueue(Scheduler::QueueUpdate request);
  Ticket DeleteQueue(const std::string& id);
  // By id.
  std::map<std::string, v1::Queue> Queues();
  Ticket Drain(bool let_run = false);
  Ticket Undrain();
  absl::StatusOr<v1::JobExplanation> Explain(const std::string& id);
  Ticket Prepared(const std::string& id);
  Ticket PrepareFailed(const std::string& id, const std::string& message);
  Ticket Checkpoint(const std::string& id, int attempt, int64_t step,
                    bool commit);
  Ticket Pin(const std::string& id, int64_t step, bool pinned);
  Ticket Unlist(const std::string& id, int attempt, int64_t step);
  // A supervisor's word on all ranks of the attempt.
  Ticket Attached(const std::string& id, int attempt, bool ended,
                  int exit_code = 0);

  // The same of one host of several: the ranks from `first` on.
  Ticket AttachedFrom(const std::string& id, const std::string& node, int first,
                      int ranks, bool ended, int exit_code = 0);

  // What is told without an answer.
  void Says(EngineNews news);
  void Progress(const std::string& id, int attempt, int64_t step);
  void Progress(const std::string& id, int attempt, v1::Progress progress);
  // A heartbeat that says something new.
  void Heard(const std::string& id, int attempt, worker::v1::Phase phase,
             int64_t step, int rank = 0);
  // The same, and that it was in another phase since the message before.
  void HeardOfOthers(const std::string& id, int attempt,
                     worker::v1::Phase phase, int64_t step,
                     worker::v1::Phase other, absl::Duration time);
  void OthersUse(std::map<std::string, std::string> uses);
  void Failed(const std::string& id, int attempt, int rank,
              v1::Attempt::EndCause cause, const std::string& message);
  void Joined(const std::string& id, int attempt,
              const std::vector<int>& missing = {});
  void Launched(const AttemptRef& attempt);
  void LaunchFailed(const AttemptRef& attempt);
  // With the exit file of ranks that all ended with this code.
  void RanksEnded(const std::string& id, int attempt, int exit_code);
  // Without an exit file.
  void ProcessEnded(const AttemptRef& attempt, int exit_code, int signal = 0);

  // Prepares a job that was created, and trains what has been started.
  void Prepare(const std::string& id);
  void Train(const std::string& id, int attempt);
  // Create, prepare and start, in one.
  void RunAttempt1(const std::string& id, int ranks, int max_restarts = 1);

  const server::JobRecord& record(const std::string& id) const {
    return disk_.at("jobs/" + id);
  }
  const v1::Job& job(const std::string& id) const { return record(id).job(); }
  const std::map<std::string, server::JobRecord>& disk() const { return disk_; }
  const std::vector<v1::Checkpoint>& checkpoints() const {
    return checkpoints_;
  }
  // "TRAIN  10s", and so on, up to now, as the scheduler knows it; what took no
  // time is left out.
  std::vector<std::string> Shares(const std::string& id) const;
  // Of the job's, in the order of their listing.
  std::vector<int64_t> ListedSteps(const std::string& id) const;
  // Of the newest step.
  const std::vector<Effect>& effects() const { return effects_; }
  const std::vector<v1::Event>& events() const { return events_; }
  absl::Status answer(Ticket ticket) const { return answers_.at(ticket); }
  SchedulerOptions& options() { return options_; }
  // "-> jobs/a/1 launched", and so on, of the newest step without answers.
  std::vector<std::string> Effects() const;
  const std::map<std::string, server::QueueRecord>& queues_on_disk() const {
    return queues_;
  }
  absl::Duration now() const { return now_; }
  absl::Time wall() const { return absl::UnixEpoch() + now_; }

 private:
  void Write(const StoreWrite& write);
  void WriteCheckpoints(const StoreWrite& write);
  void Check() const;
  void CheckTime(const server::JobRecord& record) const;

  const int cpu_slots_;
  const bool slurm_;
  SchedulerOptions options_;
  const QueuePolicy policy_;
  absl::Duration now_ = absl::Seconds(1000);
  Ticket next_ticket_ = 1;
  int64_t steps_ = 0;
  SchedulerState state_;
  std::map<std::string, server::JobRecord> disk_;
  server::CoordinatorRecord coordinator_;
  std::map<std::string, server::QueueRecord> queues_;
  std::vector<std::string> order_;
  std::vector<v1::Checkpoint> checkpoints_;
  std::vector<Effect> effects_;
  std::vector<v1::Event> events_;
  std::map<Ticket, absl::Status> answers_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SCHEDULER_STEP_WORLD_H_
