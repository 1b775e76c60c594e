#include "tests/server/simulation/row_rules.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"

namespace lockstep::testing {
namespace {

v1::Job::State StateOf(const std::string& name) {
  v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
  v1::Job::State_Parse(name, &state);
  return state;
}

// The states that the events tell, "QUEUED -> PREPARING: why", lead from the
// old one to the new one by legal steps.
std::string PathViolation(v1::Job::State from, v1::Job::State to,
                          const std::string& name,
                          const std::vector<v1::Event>& events) {
  for (const v1::Event& event : events) {
    if (event.job() != name || event.type() != "STATE_CHANGED") continue;
    const std::string& message = event.message();
    const size_t arrow = message.find(" -> ");
    const size_t colon = message.find(':');
    const v1::Job::State left = StateOf(message.substr(0, arrow));
    const v1::Job::State right =
        StateOf(message.substr(arrow + 4, colon - arrow - 4));
    if (left != from) {
      return absl::StrCat("was ", StateName(from), ", and the event says \"",
                          message, "\"");
    }
    if (!CanTransition(left, right)) {
      return absl::StrCat("illegal transition: ", message);
    }
    from = right;
  }
  if (from == to) return "";
  return absl::StrCat("became ", StateName(to), ", and its events end at ",
                      StateName(from));
}

bool SameAttempt(const v1::Attempt& a, const v1::Attempt& b) {
  return a.name() == b.name() && a.state() == b.state() &&
         a.end_cause() == b.end_cause() && a.end_message() == b.end_message() &&
         a.resume_step() == b.resume_step() && a.ranks_size() == b.ranks_size();
}

std::string AttemptsViolation(const v1::Job& old, const v1::Job& next) {
  const int before = old.attempts_size();
  const int after = next.attempts_size();
  if (after < before || after > before + 1) {
    return absl::StrCat("had ", before, " attempts and has ", after);
  }
  if (next.attempt() != after) {
    return absl::StrCat("has ", after, " attempts, and is at ", next.attempt());
  }
  for (int i = 0; i < before; ++i) {
    if (old.attempts(i).state() == v1::Attempt::ENDED &&
        !SameAttempt(old.attempts(i), next.attempts(i))) {
      return absl::StrCat("attempt ", i + 1, " changed after its end");
    }
  }
  for (int i = 0; i < after; ++i) {
    const v1::Attempt& attempt = next.attempts(i);
    const bool ended = attempt.state() == v1::Attempt::ENDED;
    if (ended == (attempt.end_cause() == v1::Attempt::END_CAUSE_UNSPECIFIED)) {
      return absl::StrCat("attempt ", i + 1, " has ended, or has an end cause");
    }
    if (!ended && (i + 1 < after || IsTerminal(next.state()))) {
      return absl::StrCat("attempt ", i + 1, " lives on beside another, or ",
                          "after the job");
    }
  }
  if (after > before && old.desired() == v1::Job::CANCEL) {
    return "starts again after it was cancelled";
  }
  return "";
}

// One that gave its devices up was asked to, and has not failed.
std::string StopViolation(const server::JobRecord& old,
                          const server::JobRecord& next) {
  const v1::Job& job = next.job();
  if (job.attempts().empty() || old.job().attempt() != job.attempt()) return "";
  const v1::Attempt& newest = *job.attempts().rbegin();
  const bool stopped = newest.end_cause() == v1::Attempt::PREEMPTED ||
                       newest.end_cause() == v1::Attempt::PAUSED;
  if (!stopped ||
      old.job().attempts().rbegin()->state() == v1::Attempt::ENDED) {
    return "";
  }
  const server::ProcessRecord& process = next.processes(job.attempt());
  if (!process.drained() || process.stop_cause() != newest.end_cause()) {
    return "gave its devices up, and was not asked to";
  }
  if (job.restarts() != old.job().restarts()) return "pays for a stop";
  return "";
}

// One whose time was over ends, whatever happens then.
std::string TimeViolation(const server::JobRecord& old,
                          const server::JobRecord& next) {
  const int attempt = old.job().attempt();
  if (attempt == 0 ||
      old.processes(attempt).stop_cause() != v1::Attempt::TIME_LIMIT) {
    return "";
  }
  const v1::Job::State state = next.job().state();
  const bool goes_on =
      next.processes(attempt).stop_cause() != v1::Attempt::TIME_LIMIT ||
      next.job().attempt() > attempt || state == v1::Job::QUEUED ||
      state == v1::Job::PAUSED;
  if (!goes_on) return "";
  return absl::StrCat("is ", StateName(state), ", and its time was over");
}

// What a user wants to hold holds, until one wants it to go on.
std::string HoldViolation(const v1::Job& old, const v1::Job& next,
                          const std::vector<v1::Event>& events) {
  const bool held = old.desired() == v1::Job::PAUSE;
  const bool resumed =
      std::any_of(events.begin(), events.end(), [&](const v1::Event& event) {
        return event.job() == next.name() &&
               absl::StrContains(event.message(), "resumed by a user");
      });
  if (held && next.desired() == v1::Job::RUN && !resumed) {
    return "does not hold any more, and nobody asked";
  }
  const bool holds = next.desired() == v1::Job::PAUSE;
  if (holds && !IsTerminal(next.state()) && next.state() != v1::Job::PAUSING &&
      next.state() != v1::Job::PAUSED) {
    return absl::StrCat("is ", StateName(next.state()), ", and is to hold");
  }
  if (next.state() == v1::Job::PAUSED && !holds) return "holds for nobody";
  if (holds && next.attempts_size() > old.attempts_size()) {
    return "starts, and is to hold";
  }
  return "";
}

// One that follows others does nothing before they have succeeded.
std::string FollowViolation(const server::JobRecord& next) {
  const v1::Job::State state = next.job().state();
  if (next.waits_for().empty() || state == v1::Job::QUEUED ||
      state == v1::Job::PAUSED) {
    return "";
  }
  return absl::StrCat("is ", StateName(state), ", and waits for ",
                      next.waits_for(0));
}

std::string Violation(const server::JobRecord& old,
                      const server::JobRecord& next,
                      const std::vector<v1::Event>& events) {
  const v1::Job& before = old.job();
  const v1::Job& after = next.job();
  if (next.version() != old.version() + 1) {
    return absl::StrCat("version ", next.version(), " after ", old.version());
  }
  if (before.uid() != after.uid() || before.owner() != after.owner() ||
      old.request_id() != next.request_id()) {
    return "became another job";
  }
  if (before.desired() == v1::Job::CANCEL &&
      after.desired() != v1::Job::CANCEL) {
    return "is not cancelled any more";
  }
  if (before.priority() != after.priority() &&
      !Tells(events, after.name(), "PRIORITY_CHANGED")) {
    return "has another priority, and nobody asked";
  }
  std::string violation =
      PathViolation(before.state(), after.state(), after.name(), events);
  if (violation.empty()) violation = AttemptsViolation(before, after);
  if (violation.empty()) violation = StopViolation(old, next);
  if (violation.empty()) violation = TimeViolation(old, next);
  if (violation.empty()) violation = HoldViolation(before, after, events);
  if (violation.empty()) violation = FollowViolation(next);
  return violation;
}

}  // namespace

std::vector<std::string> DevicesOf(const server::JobRecord& record) {
  std::vector<std::string> devices;
  for (const server::ProcessRecord& process : record.processes()) {
    if (process.attempt() != record.job().attempt()) continue;
    for (const server::KeptDevice& slot : process.slots()) {
      devices.push_back(slot.device());
    }
  }
  if (!devices.empty() || record.job().attempts().empty()) return devices;
  for (const v1::RankPlacement& rank :
       record.job().attempts().rbegin()->ranks()) {
    devices.push_back(rank.device());
  }
  return devices;
}

bool Tells(const std::vector<v1::Event>& events, const std::string& job,
           absl::string_view type) {
  return std::any_of(events.begin(), events.end(), [&](const v1::Event& event) {
    return event.job() == job && event.type() == type;
  });
}

std::string RowViolation(const server::JobRecord* old,
                         const server::JobRecord& next,
                         const std::vector<v1::Event>& events) {
  if (old != nullptr) return Violation(*old, next, events);
  if (next.version() != 1) {
    return absl::StrCat("begins with version ", next.version());
  }
  if (next.job().priority() != next.job().spec().resources().priority()) {
    return "begins with another priority than it asks for";
  }
  return PathViolation(v1::Job::QUEUED, next.job().state(), next.job().name(),
                       events);
}

}  // namespace lockstep::testing
