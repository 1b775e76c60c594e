#include "client/cli/follow.h"

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/cli/interrupt.h"
#include "client/cli/json.h"
#include "client/cli/progress_reader.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {
namespace {

// Interrupts a client when time is up, unless destroyed before.
class Deadline {
 public:
  Deadline(JobClient client, absl::Duration timeout)
      : thread_([this, client, timeout]() mutable {
          if (over_.WaitForNotificationWithTimeout(timeout)) return;
          passed_ = true;
          client.Interrupt();
        }) {}
  ~Deadline() {
    over_.Notify();
    thread_.join();
  }
  bool passed() const { return passed_; }

 private:
  absl::Notification over_;
  std::atomic<bool> passed_{false};
  std::thread thread_;
};

std::string AttemptEnd(const v1::Job& job) {
  if (job.attempts().empty()) return "";
  const v1::Attempt& last = *job.attempts().rbegin();
  if (last.state() != v1::Attempt::ENDED) return "";
  return absl::StrCat(" after attempt ", job.attempts_size(), " ended with ",
                      EndCauseName(last.end_cause()),
                      last.end_message().empty() ? "" : ": ",
                      last.end_message());
}

absl::StatusOr<v1::Job> WaitShowing(const CommandContext& context,
                                    JobClient& client, const std::string& id) {
  absl::StatusOr<v1::Job> job;
  (void)WatchWithProgress(
      context, client, id,
      [&](ProgressDisplay& display, ProgressReader& metrics) {
        job = client.Wait(id, [&](const v1::Job& change) {
          metrics.SetSteps(change.plan().steps());
          if (!IsTerminal(change.state())) display.Phase(PhaseLine(change));
        });
        return job.status();
      });
  return job;
}

}  // namespace

std::string PhaseLine(const v1::Job& job) {
  switch (job.state()) {
    case v1::Job::QUEUED:
      return absl::StrCat("queued", AttemptEnd(job),
                          job.pending_message().empty() ? "" : ": ",
                          job.pending_message());
    case v1::Job::PREPARING:
      return "preparing: checking and tokenising the input";
    case v1::Job::STARTING:
    case v1::Job::RUNNING: {
      const int ranks = job.spec().resources().ranks();
      return absl::StrCat(absl::AsciiStrToLower(StateName(job.state())),
                          " attempt ", job.attempt(), " on ", ranks,
                          ranks == 1 ? " rank" : " ranks",
                          job.plan().steps() > 0
                              ? absl::StrCat(", ", job.plan().steps(), " steps")
                              : "");
    }
    case v1::Job::PAUSING:
      return "pausing: what runs of it is being stopped";
    case v1::Job::PAUSED:
      return absl::StrCat("paused", AttemptEnd(job),
                          "; it waits for lockstep jobs resume");
    default:
      return absl::StrCat(absl::AsciiStrToLower(StateName(job.state())),
                          job.error().message().empty() ? "" : ": ",
                          job.error().message());
  }
}

absl::StatusOr<v1::Job> FollowJob(const CommandContext& context,
                                  JobClient& client, const std::string& id,
                                  const FollowOptions& options) {
  InterruptHandler interrupt([&] {
    if (options.on_interrupt) options.on_interrupt();
    client.Interrupt();
  });
  Deadline deadline(client, options.timeout);
  absl::StatusOr<v1::Job> job = options.show && !context.console.quiet
                                    ? WaitShowing(context, client, id)
                                    : client.Wait(id, [](const v1::Job&) {});
  if (!job.ok() && interrupt.interrupted()) {
    return absl::CancelledError("interrupted");
  }
  if (!job.ok() && deadline.passed()) {
    return absl::DeadlineExceededError(
        absl::StrCat("job/", id, " has not ended within ",
                     absl::FormatDuration(options.timeout), "; it goes on"));
  }
  return job;
}

ExitStatus ReportEnd(const CommandContext& context, const v1::Job& job,
                     const std::string& hint) {
  const Console& console = context.console;
  const std::string id = JobIdOf(job.name());
  if (console.json) {
    console.out << ToJson(job);
  } else {
    console.out << "job/" << id << " "
                << absl::AsciiStrToLower(StateName(job.state())) << "\n";
  }
  console.out.flush();
  switch (job.state()) {
    case v1::Job::SUCCEEDED:
      return ExitStatus::kSuccess;
    case v1::Job::CANCELLED:
      return ExitStatus::kJobCancelled;
    default:
      return ReportError(console, ExitStatus::kJobFailed,
                         job.error().message().empty() ? job.error().reason()
                                                       : job.error().message(),
                         hint);
  }
}

ExitStatus FollowAndReport(const CommandContext& context, JobClient& client,
                           const std::string& id,
                           const FollowOptions& options) {
  const absl::StatusOr<v1::Job> job = FollowJob(context, client, id, options);
  if (job.ok()) {
    return ReportEnd(context, *job,
                     absl::StrCat("see: lockstep logs ", id,
                                  job->attempt() > 0 ? "" : " --prepare"));
  }
  if (absl::IsCancelled(job.status())) {
    context.console.err << "\njob/" << id
                        << " goes on; look again with: lockstep watch " << id
                        << "\n  wait for it with: lockstep wait " << id
                        << ", stop it with: lockstep jobs cancel " << id
                        << "\n";
    return ExitStatus::kInterrupted;
  }
  if (absl::IsDeadlineExceeded(job.status()) &&
      options.timeout < absl::InfiniteDuration()) {
    ReportError(context.console, job.status());
    return ExitStatus::kTimedOut;
  }
  return context.ReportForJob(job.status(), id);
}

}  // namespace lockstep::cli
