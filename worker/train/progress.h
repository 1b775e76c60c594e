#ifndef LOCKSTEP_WORKER_TRAIN_PROGRESS_H_
#define LOCKSTEP_WORKER_TRAIN_PROGRESS_H_

// Tells the coordinator how training goes, from a thread of its own, so that a
// slow or absent daemon never holds up a step. Points wait in memory until they
// are acknowledged. An open line carries (step, phase) when the phase changes,
// and when nothing else was said for a while, and brings commands at once.
//
// Thread-safe; the trainer's thread adds, the reporter's thread sends.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/contract/monotonic_time.h"
#include "worker/comm/newest_collective.h"
#include "worker/coordinator/coordinator.h"
#include "worker/coordinator/gpu_gauge.h"
#include "worker/train/time_spans.h"

namespace lockstep {

struct ProgressOptions {
  int attempt = 1;
  int rank = 0;
  // The longest silence.
  absl::Duration heartbeat_interval = absl::Seconds(5);
  // Points that come faster than this travel together, and phases that change
  // faster are not told. With the way from here to a watcher a point is to take
  // 250 ms at the most.
  absl::Duration batch_interval = absl::Milliseconds(200);
  // Pause after a report that failed, and before a line that closed is opened
  // again.
  absl::Duration retry_interval = absl::Seconds(1);
  // Which collective the rank is in, for heartbeats; null: they do not say.
  // Outlives the Progress.
  const NewestCollective* collectives = nullptr;
  // What its GPU is doing, for heartbeats; then they go out in every interval,
  // whatever else was said. Null: they do not say. Outlives the Progress.
  GpuGauge* gpu = nullptr;
};

class Progress {
 public:
  Progress(Coordinator& coordinator, ProgressOptions options);
  // Stops the thread; what is not acknowledged by then is lost, so Flush first.
  ~Progress();

  // What heartbeats say.
  void SetPhase(worker::v1::Phase phase);
  void SetStep(int64_t step);

  // A measured step or evaluation, and what this rank did in it.
  void AddPoint(int64_t step, const std::map<std::string, double>& values,
                TakenSpans spans = {});
  // Where the run is; only the newest is sent.
  void SetProgress(const v1::Progress& progress);
  // For the job's event log.
  void AddEvent(v1::Event::Severity severity, std::string type,
                const std::string& message);

  // The strongest command that came so far.
  worker::v1::HeartbeatResponse::Command command() const;
  // Of the newest point; 0 before the first.
  int64_t newest_seq() const;
  // Not OK once the coordinator said that this attempt is over
  // (ATTEMPT_SUPERSEDED, a token that is no longer valid): nothing more may be
  // written.
  absl::Status standing() const;

  // Waits until everything added so far is acknowledged, at most `timeout`;
  // returns whether it was.
  bool Flush(absl::Duration timeout);
  // The same of points up to this one alone. When it was not, why: what the
  // newest report was answered with, or that none is answered.
  absl::Status FlushPoints(int64_t seq, absl::Duration timeout);

  // Tells why this rank gives up, at once and from this thread.
  absl::Status ReportFailure(v1::Attempt::EndCause cause,
                             const std::string& message);

 private:
  void Run();
  // Sends at once until it is so, or this attempt is over.
  void Hurry(const absl::Condition& settled, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Waits(int64_t seq) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !points_.empty() && points_.front().seq() <= seq;
  }
  void TakeCommand(worker::v1::HeartbeatResponse::Command command);
  void LineClosed(const absl::Status& why);
  // At the latest, and sooner if one is due sooner.
  void HeartbeatAt(absl::Time when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The phase so far counts for the next heartbeat.
  void CountPhase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SendHeartbeat();
  bool SendReport();
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoteStanding(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Coordinator& coordinator_;
  const ProgressOptions options_;

  mutable absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // How many wait for what was added.
  int in_a_hurry_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t next_seq_ ABSL_GUARDED_BY(mu_) = 1;
  std::deque<v1::MetricPoint> points_ ABSL_GUARDED_BY(mu_);
  std::deque<v1::Event> events_ ABSL_GUARDED_BY(mu_);
  // Not acknowledged yet, when it has a value; and how many there were.
  std::optional<v1::Progress> progress_ ABSL_GUARDED_BY(mu_);
  int64_t progress_count_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t step_ ABSL_GUARDED_BY(mu_) = 0;
  worker::v1::Phase phase_ ABSL_GUARDED_BY(mu_) = worker::v1::PHASE_UNSPECIFIED;
  worker::v1::Phase told_phase_ ABSL_GUARDED_BY(mu_) =
      worker::v1::PHASE_UNSPECIFIED;
  absl::Time phase_since_ ABSL_GUARDED_BY(mu_) = MonotonicNow();
  // Since the newest heartbeat, in others than it said.
  std::map<worker::v1::Phase, absl::Duration> other_phases_
      ABSL_GUARDED_BY(mu_);
  bool line_closed_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time last_heartbeat_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time next_heartbeat_ ABSL_GUARDED_BY(mu_);
  // next_heartbeat_ came nearer while the thread waited for it.
  bool sooner_ ABSL_GUARDED_BY(mu_) = false;
  worker::v1::HeartbeatResponse::Command command_ ABSL_GUARDED_BY(mu_) =
      worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED;
  absl::Status standing_ ABSL_GUARDED_BY(mu_);
  // What became of the newest report.
  absl::Status reported_ ABSL_GUARDED_BY(mu_);
  // Its handler uses all of the above.
  const std::unique_ptr<Heartbeats> heartbeats_;
  // Last: starts when all else is there.
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_PROGRESS_H_
