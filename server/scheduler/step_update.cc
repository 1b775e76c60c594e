// A user's change of labels.

#include <algorithm>
#include <utility>

#include "proto/contract/job_spec.h"
#include "proto/contract/labels.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

using Labels = google::protobuf::Map<std::string, std::string>;

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

}  // namespace

void OnUpdate(Decision& decision, const UpdateEvent& event) {
  const Scheduler::UpdateJob& request = event.request;
  absl::StatusOr<JobEntry*> found = decision.Find(request.name, request.etag);
  if (!found.ok()) {
    decision.Do(ReplyEffect{event.ticket, found.status()});
    return;
  }
  JobEntry& entry = **found;
  Labels labels = NewLabels(request, entry.job().labels());
  if (absl::Status bad = ViolationsToStatus(CheckLabels(labels)); !bad.ok()) {
    decision.Do(ReplyEffect{event.ticket, std::move(bad)});
    return;
  }
  decision.ReplyWithJob(event.ticket, request.name);
  if (Same(labels, entry.job().labels())) return;
  entry.record.mutable_job()->mutable_labels()->swap(labels);
  decision.Record(entry, v1::Event::INFO, "LABELS_CHANGED", "labels changed");
}

}  // namespace lockstep
