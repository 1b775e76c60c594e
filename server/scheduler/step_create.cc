// Acceptance of a job.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/queue.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/dependencies.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

// An id of its own for a job that was given none.
std::string GenerateId(Decision& decision) {
  for (int i = 0;; ++i) {
    std::string id = absl::StrCat(
        "job-", decision.Unpredictable(absl::StrCat("id", i)).substr(0, 8));
    if (!decision.state().jobs.contains(JobName(id))) return id;
  }
}

std::string IdOf(Decision& decision, const Scheduler::CreateJob& request) {
  if (!request.job_id.empty()) return request.job_id;
  if (!request.spec.name().empty()) return request.spec.name();
  return GenerateId(decision);
}

// A retry is answered like the first call, whatever happened to the job since.
bool AnswerRetry(Decision& decision, const CreateEvent& event) {
  const Scheduler::CreateJob& request = event.request;
  if (request.request_id.empty()) return false;
  const auto& requests = decision.state().requests;
  const auto found = requests.find({request.owner, request.request_id});
  if (found == requests.end()) return false;
  const JobEntry& first = decision.state().jobs.at(found->second);
  if (first.record->request_digest() == request.request_digest) {
    decision.ReplyWithJob(event.ticket, found->second);
  } else {
    decision.Do(
        ReplyEffect{event.ticket, errors::RequestIdReused(request.request_id)});
  }
  return true;
}

absl::StatusOr<std::vector<std::string>> Dependencies(
    const SchedulerState& state, const std::string& job_name,
    const v1::JobSpec& spec) {
  return FindDependencies(job_name, spec, [&](const std::string& name) {
    const auto found = state.jobs.find(name);
    return found == state.jobs.end() ? nullptr : &found->second.job();
  });
}

server::JobRecord NewRecord(Decision& decision, Scheduler::CreateJob request,
                            const std::string& name,
                            const std::vector<std::string>& waits_for) {
  server::JobRecord record;
  *record.mutable_waits_for() = {waits_for.begin(), waits_for.end()};
  record.set_request_id(request.request_id);
  record.set_request_digest(request.request_digest);
  record.set_traceparent(request.traceparent);
  v1::Job& job = *record.mutable_job();
  job.set_name(name);
  job.set_uid(decision.Unpredictable("uid").substr(0, 32));
  *job.mutable_labels() = request.spec.labels();
  job.set_priority(request.spec.resources().priority());
  job.set_queue(QueueWanted(request.spec));
  *job.mutable_spec() = std::move(request.spec);
  job.set_state(v1::Job::QUEUED);
  job.set_desired(v1::Job::RUN);
  job.set_owner(request.owner);
  if (request.origin->has_value()) *job.mutable_origin() = **request.origin;
  *job.mutable_create_time() = ToProto(decision.wall());
  return record;
}

}  // namespace

void OnCreate(Decision& decision, CreateEvent& event) {
  if (AnswerRetry(decision, event)) return;
  Scheduler::CreateJob& request = event.request;
  SchedulerState& state = decision.state();
  if (state.draining()) {
    decision.Do(ReplyEffect{event.ticket, errors::Draining()});
    return;
  }
  const std::string name = JobName(IdOf(decision, request));
  if (state.jobs.contains(name)) {
    decision.Do(ReplyEffect{event.ticket, errors::JobExists(name)});
    return;
  }
  if (!request.origin.ok()) {
    decision.Do(ReplyEffect{event.ticket, request.origin.status()});
    return;
  }
  if (absl::Status fits = state.pool.CheckFits(request.spec); !fits.ok()) {
    decision.Do(ReplyEffect{event.ticket, std::move(fits)});
    return;
  }
  if (absl::Status queue =
          CheckQueueFor(state, QueueWanted(request.spec), request.spec);
      !queue.ok()) {
    decision.Do(ReplyEffect{event.ticket, std::move(queue)});
    return;
  }
  const absl::StatusOr<std::vector<std::string>> waits_for =
      Dependencies(state, name, request.spec);
  if (!waits_for.ok()) {
    decision.Do(ReplyEffect{event.ticket, waits_for.status()});
    return;
  }
  const std::string owner = request.owner;
  const std::string request_id = request.request_id;
  JobEntry& entry = state.jobs[name];
  entry.record =
      RowDraft(NewRecord(decision, std::move(request), name, *waits_for));
  entry.order = state.next_order++;
  Enqueue(state, entry);
  Follow(state, entry);
  decision.SayWhyUnprepared(entry);
  if (!request_id.empty()) state.requests[{owner, request_id}] = name;
  decision.Record(entry, v1::Event::INFO, "JOB_CREATED",
                  absl::StrCat("accepted for ", owner));
  decision.ReplyWithJob(event.ticket, name);
}

}  // namespace lockstep
