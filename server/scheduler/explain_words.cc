// An explanation as sentences, for every state of a job.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"
#include "server/scheduler/explain.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

// In sentences; the lists have more.
constexpr int kMostInWords = 3;

std::string At(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", FromProto(time),
                          absl::UTCTimeZone());
}

std::string Devices(int count, v1::Device::Kind kind) {
  return absl::StrCat(count, " ", DeviceKindName(kind),
                      count == 1 ? " device" : " devices");
}

std::string Are(int count) {
  return absl::StrCat(count, count == 1 ? " is" : " are");
}

std::string AndOthers(std::vector<std::string> names, int all) {
  const int more = all - static_cast<int>(names.size());
  if (more > 0) names.push_back(absl::StrCat(more, " more"));
  return absl::StrJoin(names, ", ");
}

// Of `all` holders, of which the list may lack some.
std::string HoldersInWords(const v1::JobExplanation& explanation, int all) {
  std::vector<std::string> words;
  for (const v1::JobExplanation::Holder& holder : explanation.holders()) {
    if (static_cast<int>(words.size()) == kMostInWords) break;
    words.push_back(absl::StrCat(
        holder.job(), " has ", holder.devices(),
        holder.has_expected_end_time()
            ? absl::StrCat(" until about ", At(holder.expected_end_time()))
            : ""));
  }
  return AndOthers(std::move(words), all);
}

std::string PlaceInWords(const v1::JobExplanation& explanation) {
  if (explanation.position() == 0) return "";
  if (explanation.position() == 1) return " It is the first in line.";
  std::vector<std::string> ahead;
  for (const std::string& job : explanation.ahead()) {
    if (static_cast<int>(ahead.size()) == kMostInWords) break;
    ahead.push_back(job);
  }
  return absl::StrCat(
      " It is number ", explanation.position(), " in line, behind ",
      AndOthers(std::move(ahead), explanation.position() - 1), ".");
}

std::string PoolInWords(const SchedulerState& state, const v1::Job& job,
                        const v1::JobExplanation& explanation) {
  std::string words = absl::StrCat(" Of ", explanation.devices_total(), ", ",
                                   Are(explanation.devices_free()), " free");
  if (explanation.devices_unavailable() > 0) {
    absl::StrAppend(&words, ", ", Are(explanation.devices_unavailable()),
                    " kept from it (used by processes that are not Lockstep's,"
                    " drained, or kept for a job that others gave way to)");
  }
  const DeviceDemand demand = state.pool.DemandOf(job.spec());
  absl::StrAppend(
      &words, DrainedInWords(state.pool.Drained(demand.kind, demand.model)));
  const std::map<std::string, int> all =
      state.pool.Holders(demand.kind, demand.model);
  const std::string holders =
      HoldersInWords(explanation, static_cast<int>(all.size()));
  return absl::StrCat(words, holders.empty() ? "" : "; ", holders, ".");
}

std::string QueueInWords(const v1::JobExplanation& explanation) {
  if (!explanation.has_queue_quota()) return "";
  return absl::StrCat(" The jobs of queue ", explanation.queue(), " have ",
                      explanation.queue_used(), " of the ",
                      explanation.queue_quota(), " that they may have.");
}

std::string StartInWords(const v1::JobExplanation& explanation) {
  if (!explanation.has_earliest_start_time()) {
    return " When it may start is not known.";
  }
  return absl::StrCat(" It may start at ",
                      At(explanation.earliest_start_time()),
                      " at the earliest.");
}

// What the sentences that follow say in full needs no message here.
std::string WhatFor(const SchedulerState& state, const v1::Job& job,
                    const v1::JobExplanation& explanation) {
  if (job.pending_reason() == v1::Job::CAPACITY ||
      job.pending_reason() == v1::Job::PRIORITY) {
    return absl::StrCat("waits for ",
                        Devices(explanation.devices_wanted(),
                                state.pool.DemandOf(job.spec()).kind),
                        ".");
  }
  return absl::StrCat("waits for ",
                      v1::Job::PendingReason_Name(job.pending_reason()), ": ",
                      job.pending_message(), ".");
}

std::string QueuedInWords(const SchedulerState& state, const JobEntry& entry,
                          const v1::JobExplanation& explanation) {
  const v1::Job& job = entry.job();
  std::string words = WhatFor(state, job, explanation);
  if (!explanation.after().empty()) return words;
  if (!job.has_plan()) {
    const auto place = state.unprepared.find(PlaceInQueue(entry));
    const auto before = std::distance(state.unprepared.begin(), place);
    return absl::StrCat(words, " ", Are(state.preparing),
                        " being prepared now, and ", before,
                        before == 1 ? " goes" : " go", " before it.");
  }
  return absl::StrCat(
      words, PlaceInWords(explanation), PoolInWords(state, job, explanation),
      QueueInWords(explanation),
      explanation.position() > 0 || explanation.has_earliest_start_time()
          ? StartInWords(explanation)
          : "");
}

std::string ResumeInWords(const JobEntry& entry) {
  const int64_t step = entry.newest_checkpoint.step();
  const bool resumes = entry.job().spec().checkpoint().resume() !=
                       v1::CheckpointSpec::RESUME_NEVER;
  return step > 0 && resumes ? absl::StrCat("goes on from step ", step)
                             : "starts from the beginning";
}

std::string EngineInWords(const v1::Attempt& attempt) {
  const std::string job = attempt.engine_id().empty()
                              ? "a Slurm job"
                              : absl::StrCat("Slurm job ", attempt.engine_id());
  return attempt.engine_message().empty()
             ? job
             : absl::StrCat(job, ": ", attempt.engine_message());
}

std::string TrainingInWords(const SchedulerState& state,
                            const JobEntry& entry) {
  const v1::Job& job = entry.job();
  const v1::Attempt& attempt = *LiveAttemptOf(job);
  std::string words = absl::StrCat(
      job.state() == v1::Job::RUNNING ? "trains" : "is being started",
      " since ", At(attempt.start_time()), ", attempt ", job.attempt(), ", on ",
      Devices(attempt.ranks_size(), state.pool.DemandOf(job.spec()).kind));
  if (!attempt.engine_id().empty() || !attempt.engine_message().empty()) {
    absl::StrAppend(&words, "; ", EngineInWords(attempt));
  }
  if (job.progress().step() > 0) {
    absl::StrAppend(&words, "; step ", job.progress().step());
    if (job.plan().steps() > 0) {
      absl::StrAppend(&words, " of ", job.plan().steps());
    }
    absl::StrAppend(&words, " is done");
  }
  if (attempt.state() == v1::Attempt::DRAINING) {
    absl::StrAppend(
        &words, "; it is being stopped",
        entry.live.order.has_value() ? ": " : "",
        entry.live.order.has_value() ? entry.live.order->reason : "");
  }
  return absl::StrCat(words, ".");
}

std::string EndInWords(const v1::Job& job) {
  return absl::StrCat(job.state() == v1::Job::SUCCEEDED ? "trained to the end"
                      : job.state() == v1::Job::FAILED  ? "failed"
                                                        : "was cancelled",
                      " at ", At(job.end_time()),
                      job.error().reason().empty()
                          ? ""
                          : absl::StrCat(": ", job.error().reason(), ": ",
                                         job.error().message()),
                      ".");
}

std::string What(const SchedulerState& state, const JobEntry& entry,
                 const v1::JobExplanation& explanation) {
  const v1::Job& job = entry.job();
  switch (job.state()) {
    case v1::Job::QUEUED:
      return QueuedInWords(state, entry, explanation);
    case v1::Job::PREPARING:
      return "is being prepared: its input is checked and tokenised.";
    case v1::Job::STARTING:
    case v1::Job::RUNNING:
      return TrainingInWords(state, entry);
    case v1::Job::PAUSING:
      return job.desired() == v1::Job::PAUSE
                 ? "is being paused: what runs of it is being stopped."
                 : "was paused and is resumed: what runs of it is being "
                   "stopped, and then it waits again.";
    case v1::Job::PAUSED:
      return absl::StrCat(
          "is paused and holds no device; when it is resumed, it ",
          ResumeInWords(entry), ".");
    case v1::Job::CANCELLING:
      return "is being cancelled: what runs of it is being stopped.";
    default:
      return EndInWords(job);
  }
}

}  // namespace

std::string ExplainInWords(const SchedulerState& state, const JobEntry& entry,
                           const v1::JobExplanation& explanation) {
  return absl::StrCat(entry.job().name(), " ", What(state, entry, explanation));
}

}  // namespace lockstep
