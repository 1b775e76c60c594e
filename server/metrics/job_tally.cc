#include "server/metrics/job_tally.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/time_util.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"

namespace lockstep {
namespace {

using google::protobuf::util::TimeUtil;

// All values of an enum but the one that is not set.
template <typename Enum>
std::vector<Enum> All(const google::protobuf::EnumDescriptor& type) {
  std::vector<Enum> values;
  for (int i = 0; i < type.value_count(); ++i) {
    const int number = type.value(i)->number();
    if (number != 0) values.push_back(static_cast<Enum>(number));
  }
  return values;
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixNanos(TimeUtil::TimestampToNanoseconds(time));
}

// It is not others' devices that keep it from starting.
bool IsOwnReason(v1::Job::PendingReason reason) {
  return reason == v1::Job::PREPARATION || reason == v1::Job::DEPENDENCY ||
         reason == v1::Job::BACKOFF;
}

bool Waits(const v1::Job& job) {
  return job.state() == v1::Job::QUEUED && !IsOwnReason(job.pending_reason());
}

bool IsOwnCause(const v1::Goodput::Share& share) {
  v1::Job::PendingReason reason{};
  return share.cause() == "PAUSED" ||
         (v1::Job::PendingReason_Parse(share.cause(), &reason) &&
          IsOwnReason(reason));
}

// For devices, so far, by its goodput.
float WaitedSeconds(const v1::Job& job) {
  absl::Duration waited;
  for (const v1::Goodput::Share& share : job.goodput().shares()) {
    if (share.class_() != v1::Goodput::QUEUE || IsOwnCause(share)) continue;
    waited += absl::Nanoseconds(TimeUtil::DurationToNanoseconds(share.wall()));
  }
  return static_cast<float>(absl::ToDoubleSeconds(waited));
}

}  // namespace

ServerMetrics::JobTally::JobTally(Families& families, absl::Time since)
    : families_(families), since_(since), depth_(families.queue_depth.Add({})) {
  for (const auto state : All<v1::Job::State>(*v1::Job::State_descriptor())) {
    const std::string label = absl::AsciiStrToLower(StateName(state));
    states_[state] = &families_.jobs.Add({{"state", label}});
    if (!IsTerminal(state)) continue;
    outcomes_[state] = &families_.jobs_finished.Add({{"outcome", label}});
  }
  // A rate sees only what begins with 0.
  for (const auto cause :
       All<v1::Attempt::EndCause>(*v1::Attempt::EndCause_descriptor())) {
    if (IsTerminal(NextJobState(cause))) continue;
    families_.job_restarts.Add(
        {{"reason", absl::AsciiStrToLower(EndCauseName(cause))}});
  }
  for (const auto priority : All<v1::ResourceSpec::Priority>(
           *v1::ResourceSpec::Priority_descriptor())) {
    families_.job_queue_wait.Add({{"priority", PriorityName(priority)}},
                                 Families::kQueueSeconds);
  }
}

void ServerMetrics::JobTally::Move(Seen& seen, v1::Job::State state,
                                   bool waits) {
  if (seen.state == state && seen.waits == waits) return;
  const auto count = [this](v1::Job::State which, int by) {
    if (which == v1::Job::STATE_UNSPECIFIED) return;
    states_.at(which)->Set(by_state_[which] += by);
  };
  count(seen.state, -1);
  count(state, 1);
  waiting_ += static_cast<int>(waits) - static_cast<int>(seen.waits);
  depth_.Set(waiting_);
  seen.state = state;
  seen.waits = waits;
}

void ServerMetrics::JobTally::CountAttempts(const v1::Job& job, Seen& seen) {
  if (job.attempts_size() <= seen.attempts) return;
  const float waited = WaitedSeconds(job);
  bool began = false;
  for (int i = seen.attempts; i < job.attempts_size(); ++i) {
    if (TimeOf(job.attempts(i).start_time()) < since_) continue;
    began = true;
    if (i == 0) continue;
    families_.job_restarts
        .Add({{"reason", absl::AsciiStrToLower(
                             EndCauseName(job.attempts(i - 1).end_cause()))}})
        .Increment();
  }
  if (began) {
    families_.job_queue_wait
        .Add({{"priority", PriorityName(PriorityOf(job))}},
             Families::kQueueSeconds)
        .Observe(std::max(0.F, waited - seen.waited_seconds));
  }
  seen.attempts = job.attempts_size();
  seen.waited_seconds = waited;
}

void ServerMetrics::JobTally::Take(const v1::Job& job, Seen& seen) {
  const bool was_known = seen.state != v1::Job::STATE_UNSPECIFIED;
  if (IsTerminal(job.state()) && !IsTerminal(seen.state) &&
      (was_known || TimeOf(job.end_time()) >= since_)) {
    outcomes_.at(job.state())->Increment();
  }
  CountAttempts(job, seen);
  Move(seen, job.state(), Waits(job));
}

void ServerMetrics::JobTally::Remove(const Seen& seen) {
  Seen gone = seen;
  Move(gone, v1::Job::STATE_UNSPECIFIED, /*waits=*/false);
}

}  // namespace lockstep
