#include "server/scheduler/decision.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "server/scheduler/dependencies.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/spending.h"
#include "server/store/goodput.h"

namespace lockstep {

absl::StatusOr<JobEntry*> Decision::Find(const std::string& name,
                                         const std::string& etag) {
  const auto found = state_.jobs.find(name);
  if (found == state_.jobs.end()) return errors::JobNotFound(name);
  const std::string& stored = found->second.job().etag();
  if (!etag.empty() && etag != stored) {
    return errors::EtagMismatch(name, etag, stored);
  }
  return &found->second;
}

absl::StatusOr<JobEntry*> Decision::FindToChange(const std::string& name,
                                                 const std::string& etag) {
  absl::StatusOr<JobEntry*> found = Find(name);
  if (!found.ok()) return found;
  const std::string& owner = (*found)->job().owner();
  if (!actor_.owns_all && owner != actor_.name) {
    return errors::NotJobOwner(name, owner, actor_.name);
  }
  return Find(name, etag);
}

void Decision::SetState(JobEntry& entry, v1::Job::State to,
                        v1::Event::Severity severity,
                        const std::string& message) {
  v1::Job& job = entry.record.MutableJob();
  const v1::Job::State from = job.state();
  LOCKSTEP_CHECK(CanTransition(from, to));
  job.set_state(to);
  if (from == v1::Job::PREPARING) --state_.preparing;
  if (to == v1::Job::PREPARING) ++state_.preparing;
  if (from == v1::Job::QUEUED) {
    Dequeue(state_, entry);
    job.clear_pending_reason();
    job.clear_pending_message();
    entry.record.Mutable().clear_not_before();
    entry.record.Mutable().clear_kept_devices();
    state_.pool.KeepNothing(job.name());
  }
  if (to == v1::Job::QUEUED) {
    Enqueue(state_, entry);
    if (!job.has_plan()) SayWhyUnprepared(entry);
  }
  if (IsTerminal(to)) {
    *job.mutable_end_time() = ToProto(time_.wall);
    Unfollow(state_, entry);
    entry.record.Mutable().clear_waits_for();
    ended_.push_back(job.name());
  }
  state_.schedule = true;
  Record(entry, severity, "STATE_CHANGED",
         absl::StrCat(StateName(from), " -> ", StateName(to), ": ", message),
         job.attempt());
}

void Decision::SayWhyUnprepared(JobEntry& entry) {
  const auto& waits_for = entry.record->waits_for();
  v1::Job& job = entry.record.MutableJob();
  if (waits_for.empty()) {
    job.set_pending_reason(v1::Job::PREPARATION);
    job.set_pending_message(kNotPrepared);
  } else {
    job.set_pending_reason(v1::Job::DEPENDENCY);
    job.set_pending_message(
        WaitsForInWords({waits_for.begin(), waits_for.end()}));
  }
}

std::optional<std::string> Decision::TakeEnded() {
  if (ended_.empty()) return std::nullopt;
  std::string name = std::move(ended_.front());
  ended_.pop_front();
  return name;
}

void Decision::Record(JobEntry& entry, v1::Event::Severity severity,
                      absl::string_view type, const std::string& message,
                      int attempt) {
  v1::Event& event = AddEvent(entry.job().name(), severity, type, message);
  event.set_attempt(attempt);
  Touch(entry);
}

v1::Event& Decision::AddEvent(const std::string& job,
                              v1::Event::Severity severity,
                              absl::string_view type,
                              const std::string& message) {
  v1::Event& event = result_.write.events.emplace_back();
  event.set_job(job);
  *event.mutable_time() = ToProto(time_.wall);
  event.set_severity(severity);
  event.set_type(std::string(type));
  event.set_message(message);
  event.set_actor(actor_.name);
  return event;
}

void Decision::Delete(const JobEntry& entry, const std::string& why) {
  const v1::Job& job = entry.job();
  LOCKSTEP_CHECK(IsTerminal(job.state()) && !touched_.contains(job.name()));
  AddEvent(job.name(), v1::Event::INFO, kJobDeleted, why);
  result_.write.deletions.push_back({job.name(), job.uid()});
  Do(RemoveFilesEffect{job.uid()});
  state_.requests.erase({job.owner(), entry.record->request_id()});
  state_.jobs.erase(job.name());
}

void Decision::DeleteQueue(const std::string& id) {
  LOCKSTEP_CHECK(!touched_queues_.contains(id));
  result_.write.deleted_queues.push_back(state_.queues.at(id).queue().name());
  state_.queues.erase(id);
  state_.waiting.erase(id);
}

void Decision::Launch(JobEntry& entry, LaunchRequest request) {
  entry.launching.insert(request.attempt.attempt);
  entry.watched.insert(request.attempt.attempt);
  Do(LaunchEffect{std::move(request)});
}

std::string Decision::Unpredictable(absl::string_view purpose) const {
  return absl::BytesToHexString(
      TokenDigest(absl::StrCat(entropy_, "\n", purpose)));
}

StepResult Decision::Finish() && {
  for (const std::string& name : touched_) {
    JobEntry& entry = state_.jobs.at(name);
    server::JobRecord& record = entry.record.Mutable();
    record.set_version(record.version() + 1);
    SpendOn(record, SpendingOf(record), time_.wall);
    *record.mutable_job()->mutable_update_time() = ToProto(time_.wall);
    result_.write.jobs.push_back(entry.record.Share());
  }
  for (const std::string& id : touched_queues_) {
    result_.write.queues.push_back(MakeQueueRow(state_.queues.at(id)));
  }
  // Callers are answered before processes are started for them.
  std::vector<Effect> effects;
  effects.reserve(replies_.size() + result_.effects.size());
  for (auto& [ticket, name] : replies_) {
    effects.push_back(
        ReplyEffect{ticket, JobOf(state_.jobs.at(name).record.Share())});
  }
  for (Effect& effect : result_.effects) effects.push_back(std::move(effect));
  result_.effects = std::move(effects);
  return std::move(result_);
}

}  // namespace lockstep
