// A user's change of labels, priority and queue.

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/labels.h"
#include "proto/contract/priority.h"
#include "proto/contract/queue.h"
#include "proto/contract/spec_value.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

using Labels = google::protobuf::Map<std::string, std::string>;
using Priority = v1::ResourceSpec::Priority;

Labels NewLabels(const Scheduler::UpdateJob& request, Labels labels) {
  if (request.replace_all)
    return {request.labels.begin(), request.labels.end()};
  for (const std::string& key : request.keys) {
    const auto wanted = request.labels.find(key);
    if (wanted == request.labels.end()) {
      labels.erase(key);
    } else {
      labels[key] = wanted->second;
    }
  }
  return labels;
}

bool Same(const Labels& a, const Labels& b) {
  return a.size() == b.size() &&
         std::all_of(a.begin(), a.end(), [&](const auto& label) {
           const auto other = b.find(label.first);
           return other != b.end() && other->second == label.second;
         });
}

std::vector<FieldViolation> CheckPriority(Priority priority) {
  const auto& type = *v1::ResourceSpec::Priority_descriptor();
  const auto* value = type.FindValueByNumber(priority);
  if (value != nullptr && value->number() != 0) return {};
  return {{"priority",
           absl::StrCat(value == nullptr ? absl::StrCat(priority) : "unset",
                        " is not one of ",
                        absl::StrJoin(EnumYamlNames(type), ", "))}};
}

// What it waits and counts for decides something only while it can still start.
absl::Status CheckGoing(const Scheduler::UpdateJob& request,
                        const v1::Job& job) {
  if (!IsTerminal(job.state())) return absl::OkStatus();
  const char* what = request.queue.has_value() ? "queue" : "priority";
  return errors::Error(
      absl::StatusCode::kFailedPrecondition, "JOB_ENDED",
      absl::StrCat(job.name(), " is ", StateName(job.state()), "; the ", what,
                   " of a job that has ended cannot be changed"));
}

// A quota is kept by what its own jobs hold.
absl::Status CheckHoldsNothing(const v1::Job& job) {
  const v1::Attempt* attempt = LiveAttemptOf(job);
  if (attempt == nullptr) return absl::OkStatus();
  return errors::Error(
      absl::StatusCode::kFailedPrecondition, "JOB_HOLDS_DEVICES",
      absl::StrCat(job.name(), " holds ", attempt->ranks_size(),
                   " devices of its queue ", QueueOf(job),
                   "; pause it to change its queue"));
}

absl::Status Check(const SchedulerState& state,
                   const Scheduler::UpdateJob& request, const v1::Job& job,
                   const Labels& labels) {
  std::vector<FieldViolation> violations = CheckLabels(labels);
  if (request.priority.has_value()) {
    std::vector<FieldViolation> bad = CheckPriority(*request.priority);
    std::move(bad.begin(), bad.end(), std::back_inserter(violations));
  }
  if (!violations.empty()) return errors::InvalidSpec(violations);
  if (request.priority.has_value() || request.queue.has_value()) {
    if (absl::Status bad = CheckGoing(request, job); !bad.ok()) return bad;
  }
  if (!request.queue.has_value() || *request.queue == QueueOf(job)) {
    return absl::OkStatus();
  }
  if (absl::Status bad = CheckHoldsNothing(job); !bad.ok()) return bad;
  return CheckQueueFor(state, *request.queue, job.spec());
}

void ChangePriority(Decision& decision, JobEntry& entry, Priority priority) {
  const Priority before = PriorityOf(entry.job());
  if (priority == before) return;
  v1::Job& job = entry.record.MutableJob();
  const bool queued = job.state() == v1::Job::QUEUED;
  if (queued) Dequeue(decision.state(), entry);
  job.set_priority(priority);
  if (queued) Enqueue(decision.state(), entry);
  // What runs may give way now, or not any more.
  decision.state().schedule = true;
  decision.Record(entry, v1::Event::INFO, "PRIORITY_CHANGED",
                  absl::StrCat("priority ", PriorityName(before), " -> ",
                               PriorityName(priority)));
}

void ChangeQueue(Decision& decision, JobEntry& entry,
                 const std::string& queue) {
  SchedulerState& state = decision.state();
  const std::string before = QueueOf(entry.job());
  if (queue == before) return;
  const bool queued = entry.job().state() == v1::Job::QUEUED;
  if (queued) Dequeue(state, entry);
  // What others stopped for was within the quota of the old one.
  state.pool.KeepNothing(entry.job().name());
  entry.record.Mutable().clear_kept_devices();
  entry.record.MutableJob().set_queue(queue);
  if (queued) Enqueue(state, entry);
  state.schedule = true;
  decision.Record(entry, v1::Event::INFO, "QUEUE_CHANGED",
                  absl::StrCat("queue ", before, " -> ", queue));
}

}  // namespace

void OnUpdate(Decision& decision, const UpdateEvent& event) {
  const Scheduler::UpdateJob& request = event.request;
  absl::StatusOr<JobEntry*> found =
      decision.FindToChange(request.name, request.etag);
  if (!found.ok()) {
    decision.Do(ReplyEffect{event.ticket, found.status()});
    return;
  }
  JobEntry& entry = **found;
  Labels labels = NewLabels(request, entry.job().labels());
  if (absl::Status bad = Check(decision.state(), request, entry.job(), labels);
      !bad.ok()) {
    decision.Do(ReplyEffect{event.ticket, std::move(bad)});
    return;
  }
  decision.ReplyWithJob(event.ticket, request.name);
  if (request.priority.has_value()) {
    ChangePriority(decision, entry, *request.priority);
  }
  if (request.queue.has_value()) ChangeQueue(decision, entry, *request.queue);
  if (Same(labels, entry.job().labels())) return;
  entry.record.MutableJob().mutable_labels()->swap(labels);
  decision.Record(entry, v1::Event::INFO, "LABELS_CHANGED", "labels changed");
}

}  // namespace lockstep
