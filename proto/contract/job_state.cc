#include "proto/contract/job_state.h"

#include <algorithm>
#include <iterator>

namespace lockstep {
namespace {

struct Transition {
  v1::Job::State from;
  v1::Job::State to;
};

constexpr Transition kTransitions[] = {
    {v1::Job::QUEUED, v1::Job::PREPARING},
    {v1::Job::QUEUED, v1::Job::STARTING},
    {v1::Job::QUEUED, v1::Job::PAUSED},
    {v1::Job::QUEUED, v1::Job::FAILED},
    {v1::Job::QUEUED, v1::Job::CANCELLED},
    // Prepared, or prepare was lost and is done again.
    {v1::Job::PREPARING, v1::Job::QUEUED},
    {v1::Job::PREPARING, v1::Job::FAILED},
    {v1::Job::PREPARING, v1::Job::PAUSING},
    {v1::Job::PREPARING, v1::Job::CANCELLING},
    {v1::Job::PREPARING, v1::Job::CANCELLED},
    {v1::Job::STARTING, v1::Job::RUNNING},
    // A short run may end before its first step is reported.
    {v1::Job::STARTING, v1::Job::SUCCEEDED},
    {v1::Job::STARTING, v1::Job::QUEUED},
    {v1::Job::STARTING, v1::Job::PAUSING},
    {v1::Job::STARTING, v1::Job::CANCELLING},
    {v1::Job::STARTING, v1::Job::FAILED},
    {v1::Job::RUNNING, v1::Job::SUCCEEDED},
    {v1::Job::RUNNING, v1::Job::QUEUED},
    {v1::Job::RUNNING, v1::Job::PAUSING},
    {v1::Job::RUNNING, v1::Job::CANCELLING},
    {v1::Job::RUNNING, v1::Job::FAILED},
    {v1::Job::PAUSING, v1::Job::PAUSED},
    {v1::Job::PAUSING, v1::Job::SUCCEEDED},
    {v1::Job::PAUSING, v1::Job::QUEUED},
    {v1::Job::PAUSING, v1::Job::CANCELLING},
    {v1::Job::PAUSING, v1::Job::FAILED},
    {v1::Job::PAUSED, v1::Job::QUEUED},
    // A job that it was to follow did not succeed.
    {v1::Job::PAUSED, v1::Job::FAILED},
    {v1::Job::PAUSED, v1::Job::CANCELLED},
    {v1::Job::CANCELLING, v1::Job::CANCELLED},
    // The finish won the race against the cancel.
    {v1::Job::CANCELLING, v1::Job::SUCCEEDED},
};

}  // namespace

bool IsTerminal(v1::Job::State state) {
  return state == v1::Job::SUCCEEDED || state == v1::Job::FAILED ||
         state == v1::Job::CANCELLED;
}

bool IsActive(v1::Job::State state) {
  return state == v1::Job::PREPARING || state == v1::Job::STARTING ||
         state == v1::Job::RUNNING || state == v1::Job::PAUSING ||
         state == v1::Job::CANCELLING;
}

bool CanTransition(v1::Job::State from, v1::Job::State to) {
  return std::any_of(std::begin(kTransitions), std::end(kTransitions),
                     [&](const Transition& transition) {
                       return transition.from == from && transition.to == to;
                     });
}

absl::string_view StateName(v1::Job::State state) {
  return v1::Job::State_Name(state);
}

}  // namespace lockstep
