// What the launcher's own thread does: it alone talks to Slurm.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/contract/monotonic_time.h"
#include "server/launcher/process_folder.h"
#include "server/launcher/slurm_launcher.h"
#include "server/launcher/slurm_text.h"
#include "server/launcher/slurm_words.h"

namespace lockstep {
namespace {

// After a change that Slurm was asked for it is looked at sooner.
constexpr absl::Duration kSoon = absl::Milliseconds(200);
// So many answers without a job that nobody wants any more end it.
constexpr int kMissesOfUnwanted = 2;

// What has begun goes before what waits, and that before what has ended.
int Standing(const SlurmJobLine& job) {
  switch (PhaseOf(job.state)) {
    case SlurmPhase::kRunning:
      return 2;
    case SlurmPhase::kEnded:
      return 0;
    default:
      return 1;
  }
}

// The job of an attempt among those of its name: the one that is the furthest,
// and of equals the one whose id is known.
const SlurmJobLine* Choose(const std::vector<SlurmJobLine>& jobs,
                           const std::string& name, const std::string& id) {
  const SlurmJobLine* chosen = nullptr;
  for (const SlurmJobLine& job : jobs) {
    if (job.name != name) continue;
    if (chosen == nullptr || Standing(job) > Standing(*chosen) ||
        (Standing(job) == Standing(*chosen) && job.id == id)) {
      chosen = &job;
    }
  }
  return chosen;
}

}  // namespace

void SlurmLauncher::Run() {
  while (WaitForWork(next_poll_)) {
    DropUnsubmitted();
    // One that hangs is enough: the poll says whether Slurm is there.
    if (!CancelAndSubmit()) next_poll_ = MonotonicNow();
    if (MonotonicNow() >= next_poll_) {
      // A poll that is slow is not followed by the next at once.
      Poll();
      next_poll_ =
          std::max(next_poll_, MonotonicNow() + options_.poll_interval);
    }
  }
}

bool SlurmLauncher::WaitForWork(absl::Time until) {
  absl::MutexLock lock(&mu_);
  const auto work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || woken_;
  };
  // What an earlier life has left there is looked for at first.
  const bool looks = MonotonicNow() < started_ + 2 * options_.stray_after;
  if (tracked_.empty() && !looks) {
    mu_.Await(absl::Condition(&work));
  } else {
    mu_.AwaitWithTimeout(absl::Condition(&work), TimeLeft(until));
  }
  woken_ = false;
  return !stopping_;
}

std::vector<SlurmLauncher::Tracked> SlurmLauncher::Snapshot() {
  absl::MutexLock lock(&mu_);
  std::vector<Tracked> all;
  for (const auto& [key, tracked] : tracked_) all.push_back(tracked);
  return all;
}

void SlurmLauncher::DropUnsubmitted() {
  for (const Tracked& tracked : Snapshot()) {
    const bool unwanted = tracked.cancel || tracked.closed;
    if (tracked.to_submit.empty() || tracked.doubtful || !unwanted) continue;
    End(tracked, EngineEnd{v1::Attempt::ENGINE_ERROR,
                           "it was stopped before it was submitted"});
  }
}

bool SlurmLauncher::CancelAndSubmit() {
  // Each would wait for a slurmctld that is known to be away, and a look that
  // finds it back would wait for all of them.
  if (!told_trouble_.empty()) return true;
  for (const Tracked& tracked : Snapshot()) {
    if (!CancelUnwanted(tracked)) return false;
  }
  for (const Tracked& tracked : Snapshot()) {
    const bool may = !tracked.to_submit.empty() && !tracked.doubtful &&
                     !tracked.cancel && !tracked.closed &&
                     tracked.not_before <= MonotonicNow();
    if (may && !Submit(tracked)) return false;
  }
  return true;
}

bool SlurmLauncher::Submit(const Tracked& tracked) {
  const absl::StatusOr<std::string> id = client_.Submit(tracked.to_submit);
  Tracked after = tracked;
  if (id.ok()) {
    after.to_submit.clear();
    after.id = *id;
    Tell(after, {.id = *id, .message = "is submitted to Slurm"});
  } else if (absl::IsUnavailable(id.status())) {
    after.doubtful = true;
    Tell(after, {.message = absl::StrCat("is not submitted: Slurm does not ",
                                         "answer: ", id.status().message())});
    Keep(after);
    // Nothing else is to be started until a poll is answered.
    TellReach(id.status());
    return false;
  } else {
    Refused(tracked, id.status());
    return true;
  }
  Keep(after);
  return true;
}

void SlurmLauncher::Refused(const Tracked& tracked,
                            const absl::Status& status) {
  Tracked after = tracked;
  // A refusal is FAILED_PRECONDITION; what else failed is of this host.
  if (!absl::IsFailedPrecondition(status) ||
      IsRefusedForNow(status.message())) {
    after.not_before = MonotonicNow() + options_.retry_interval;
    Tell(after,
         {.message = absl::StrCat("is not submitted yet: ", status.message())});
    return Keep(after);
  }
  // There may be too few others.
  if (std::erase_if(after.to_submit, [](const std::string& word) {
        return absl::StartsWith(word, "--exclude=");
      }) > 0) {
    Keep(after);
    absl::MutexLock lock(&mu_);
    woken_ = true;
    return;
  }
  End(tracked,
      EngineEnd{.cause = v1::Attempt::ENGINE_ERROR,
                .message = absl::StrCat("Slurm refused it: ", status.message()),
                .another_may_help = false});
}

void SlurmLauncher::Poll() {
  const absl::StatusOr<std::vector<SlurmJobLine>> jobs = client_.List();
  const bool back = jobs.ok() && !told_trouble_.empty();
  TellReach(jobs.status());
  if (!jobs.ok()) return;
  for (Tracked& tracked : Snapshot()) {
    // What is known of each was covered by the trouble.
    tracked.untold |= back;
    Follow(std::move(tracked), *jobs);
  }
  CancelStrays(*jobs);
}

void SlurmLauncher::Follow(Tracked tracked,
                           const std::vector<SlurmJobLine>& jobs) {
  const SlurmJobLine* job = Choose(jobs, tracked.name, tracked.id);
  if (job == nullptr) return Missed(std::move(tracked));
  // Submitted twice, however that came about: one is enough.
  for (const SlurmJobLine& other : jobs) {
    if (other.name == tracked.name && other.id != job->id &&
        PhaseOf(other.state) != SlurmPhase::kEnded) {
      client_.Cancel(other.name, other.id).IgnoreError();
    }
  }
  tracked.misses = 0;
  tracked.id = job->id;
  tracked.to_submit.clear();
  tracked.doubtful = false;
  const SlurmPhase phase = PhaseOf(job->state);
  if (phase == SlurmPhase::kEnded) {
    const absl::StatusOr<SlurmJobEnd> end = client_.EndOfJob(job->id);
    if (absl::IsUnavailable(end.status())) return Keep(tracked);
    const SlurmJobEnd known = end.value_or(SlurmJobEnd());
    const bool ours = tracked.cancel_sent || tracked.kill_sent;
    return End(tracked, ours ? std::nullopt : EndOf(job->state, known), known);
  }
  tracked.started |= phase == SlurmPhase::kRunning;
  // One that has begun and seems to wait is one whose start slurmctld forgot:
  // its workers know better.
  Tell(tracked, {.id = tracked.id,
                 .message = tracked.started ? "" : WaitsFor(job->reason),
                 .started = tracked.started,
                 .start_time = phase == SlurmPhase::kRunning ? job->start
                                                             : std::nullopt});
  Keep(tracked);
}

void SlurmLauncher::Missed(Tracked tracked) {
  // Never tried, or tried in vain: now it can be.
  if (!tracked.to_submit.empty()) {
    tracked.doubtful = false;
    Keep(tracked);
    absl::MutexLock lock(&mu_);
    woken_ = true;
    return;
  }
  ++tracked.misses;
  const bool unwanted = tracked.closed || tracked.cancel;
  if (unwanted && tracked.misses >= kMissesOfUnwanted) {
    return End(tracked, std::nullopt);
  }
  if (!tracked.gone_told && tracked.misses >= options_.misses_until_gone) {
    tracked.gone_told = true;
    EngineNews news = tracked.told;
    news.gone = ProcessEnd{.attempt = tracked.attempt, .ranks = {}};
    news.gone->ranks = ReadExitFiles(tracked.folder);
    Tell(tracked, std::move(news));
  }
  Keep(tracked);
}

bool SlurmLauncher::CancelUnwanted(const Tracked& tracked) {
  if (!tracked.to_submit.empty()) return true;
  // It is listed all the same: a slurmctld that was killed has forgotten it.
  const bool again = tracked.sent_at + options_.cancel_again <= MonotonicNow();
  const bool kills = tracked.kill && (!tracked.kill_sent || again);
  // The supervisors of one that runs are told by the coordinator itself, and
  // leave its ranks the time that they need.
  const bool cancels = (tracked.cancel && !tracked.started) ||
                       tracked.unwanted_at <= MonotonicNow();
  const bool done = tracked.cancel_sent || tracked.kill_sent;
  if (!kills && (!cancels || (done && !again))) return true;
  const absl::Status sent = kills ? client_.Kill(tracked.name)
                                  : client_.Cancel(tracked.name, /*id=*/"");
  if (!sent.ok()) return !absl::IsUnavailable(sent);
  Tracked after = tracked;
  (kills ? after.kill_sent : after.cancel_sent) = true;
  after.sent_at = MonotonicNow();
  next_poll_ = std::min(next_poll_, MonotonicNow() + kSoon);
  Keep(after);
  return true;
}

void SlurmLauncher::CancelStrays(const std::vector<SlurmJobLine>& jobs) {
  std::set<std::string> known;
  for (const Tracked& tracked : Snapshot()) known.insert(tracked.name);
  std::map<std::string, absl::Time> strays;
  for (const SlurmJobLine& job : jobs) {
    if (!absl::StartsWith(job.name, SlurmPrefix(nonce_)) ||
        known.contains(job.name) || PhaseOf(job.state) == SlurmPhase::kEnded) {
      continue;
    }
    const auto seen = strays_.find(job.id);
    const absl::Time since =
        seen == strays_.end() ? MonotonicNow() : seen->second;
    strays[job.id] = since;
    if (MonotonicNow() - since >= options_.stray_after) {
      client_.Cancel(job.name, job.id).IgnoreError();
    }
  }
  strays_ = std::move(strays);
}

void SlurmLauncher::Keep(const Tracked& tracked) {
  absl::MutexLock lock(&mu_);
  const auto found =
      tracked_.find({tracked.attempt.job, tracked.attempt.attempt});
  if (found == tracked_.end()) return;
  Tracked& kept = found->second;
  Tracked now = tracked;
  now.cancel = kept.cancel;
  now.kill = kept.kill;
  now.closed = kept.closed;
  now.unwanted_at = kept.unwanted_at;
  kept = std::move(now);
}

void SlurmLauncher::End(const Tracked& tracked, std::optional<EngineEnd> why,
                        const SlurmJobEnd& end) {
  Listener listener;
  {
    absl::MutexLock lock(&mu_);
    tracked_.erase({tracked.attempt.job, tracked.attempt.attempt});
    listener = listener_;
  }
  if (listener == nullptr) return;
  listener({.attempt = tracked.attempt,
            .ranks = ReadExitFiles(tracked.folder),
            .exit_code = end.exit_code,
            .signal = end.signal,
            .engine = std::move(why)});
}

void SlurmLauncher::Tell(Tracked& tracked, EngineNews news) {
  news.attempt = tracked.attempt;
  const EngineNews& told = tracked.told;
  if (!tracked.untold && !news.gone.has_value() && news.id == told.id &&
      news.message == told.message && news.started == told.started) {
    return;
  }
  tracked.untold = false;
  tracked.told = news;
  tracked.told.gone.reset();
  EngineListener listener;
  {
    absl::MutexLock lock(&mu_);
    listener = engine_listener_;
  }
  if (listener != nullptr) listener(std::move(news));
}

void SlurmLauncher::TellReach(const absl::Status& status) {
  const std::string trouble(status.message());
  if (trouble == told_trouble_) return;
  told_trouble_ = trouble;
  EngineListener listener;
  {
    absl::MutexLock lock(&mu_);
    listener = engine_listener_;
  }
  if (listener != nullptr) listener(EngineReach{trouble});
}

}  // namespace lockstep
