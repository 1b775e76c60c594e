#ifndef LOCKSTEP_SERVER_RENDEZVOUS_ANSWERS_H_
#define LOCKSTEP_SERVER_RENDEZVOUS_ANSWERS_H_

// Answers that were decided under a lock and are given after it: a callback may
// come back with the next call.

#include <vector>

#include "absl/functional/any_invocable.h"

namespace lockstep {

using Answers = std::vector<absl::AnyInvocable<void()>>;

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_RENDEZVOUS_ANSWERS_H_
