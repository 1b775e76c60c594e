#ifndef LOCKSTEP_SERVER_SCHEDULER_DECISION_H_
#define LOCKSTEP_SERVER_SCHEDULER_DECISION_H_

// One Step under construction: the state it works on and the result it builds.
// SetState is the one place where a job changes its state. Lives on the stack
// of Step.

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/job.pb.h"
#include "server/scheduler/step.h"

namespace lockstep {

// Of a job that waits for PREPARATION.
inline constexpr char kNotPrepared[] = "its input is not prepared yet";
// Why the ranks of a drained coordinator stop.
inline constexpr char kDrainedReason[] = "the coordinator was drained";

class Decision {
 public:
  Decision(SchedulerState& state, const Event& event, StepTime time)
      : state_(state),
        entropy_(event.entropy),
        time_(time),
        actor_(event.actor) {}

  SchedulerState& state() { return state_; }
  const SchedulerOptions& options() const { return state_.options; }
  absl::Duration now() const { return time_.now; }
  absl::Time wall() const { return time_.wall; }

  // JOB_NOT_FOUND when there is none; ETAG_MISMATCH when an etag is given and
  // is not the job's.
  absl::StatusOr<JobEntry*> Find(const std::string& name,
                                 const std::string& etag = "");
  // As above, for a change that somebody asks for. PERMISSION_DENIED:
  // NOT_JOB_OWNER.
  absl::StatusOr<JobEntry*> FindToChange(const std::string& name,
                                         const std::string& etag = "");
  // What follows was asked for by nobody.
  void ForgetActor() { actor_ = Actor(); }
  const Actor& actor() const { return actor_; }

  // A legal transition (else the process ends: it is our own fault), with its
  // journal entry. Keeps the queue and the counters in step with it.
  void SetState(JobEntry& entry, v1::Job::State to,
                v1::Event::Severity severity, const std::string& message);
  // A journal entry.
  void Record(JobEntry& entry, v1::Event::Severity severity,
              absl::string_view type, const std::string& message,
              int attempt = 0);
  // Of a QUEUED job that is not prepared: what it waits for before it is.
  void SayWhyUnprepared(JobEntry& entry);
  // The oldest of the jobs that this decision ended and that was not taken yet.
  std::optional<std::string> TakeEnded();
  // The row changed and is written with this decision.
  void Touch(JobEntry& entry) { touched_.insert(entry.job().name()); }

  // The job, which must not be touched, is no more.
  void Delete(const JobEntry& entry, const std::string& why);

  void Write(const server::CoordinatorRecord& coordinator) {
    result_.write.coordinator = coordinator;
  }
  // The queue changed and is written with this decision.
  void TouchQueue(const std::string& id) { touched_queues_.insert(id); }
  // The queue, which must not be touched, is no more.
  void DeleteQueue(const std::string& id);
  void List(const v1::Checkpoint& checkpoint) {
    result_.write.checkpoints.push_back(checkpoint);
  }
  // A listed one, by its name.
  void Unlist(std::string checkpoint) {
    result_.write.unlisted.push_back(std::move(checkpoint));
  }
  // The launcher will answer, and then tell the end of the process.
  void Launch(JobEntry& entry, LaunchRequest request);
  void Do(Effect effect) { result_.effects.push_back(std::move(effect)); }
  void Ack(Ticket ticket, absl::Status status) {
    Do(AckEffect{ticket, std::move(status)});
  }
  // The job as it is when the decision is complete.
  void ReplyWithJob(Ticket ticket, const std::string& name) {
    replies_.push_back({ticket, name});
  }

  // 64 hexadecimal digits, different for each `purpose`.
  std::string Unpredictable(absl::string_view purpose) const;

  // Versions and stamps the touched rows.
  StepResult Finish() &&;

 private:
  v1::Event& AddEvent(const std::string& job, v1::Event::Severity severity,
                      absl::string_view type, const std::string& message);

  SchedulerState& state_;
  const std::string& entropy_;
  const StepTime time_;
  Actor actor_;
  StepResult result_;
  std::set<std::string> touched_;
  std::set<std::string> touched_queues_;
  std::deque<std::string> ended_;
  std::vector<std::pair<Ticket, std::string>> replies_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_DECISION_H_
