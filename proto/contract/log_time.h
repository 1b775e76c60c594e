#ifndef LOCKSTEP_PROTO_CONTRACT_LOG_TIME_H_
#define LOCKSTEP_PROTO_CONTRACT_LOG_TIME_H_

// The time that a line of a rank's log begins with, in UTC and to the
// millisecond, as proto/lockstep/v1/job_service.proto promises to those who ask
// for a log since some moment:
//
//   2026-11-30T12:00:00.250Z step 10/200: loss 1.5
//
// Workers write it, the coordinator looks for it, clients say when it is not
// there. Pure.

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep {

// With the space behind it.
inline constexpr size_t kLogTimeBytes = 25;

std::string FormatLogTime(absl::Time time);

// None of a line that begins with none.
std::optional<absl::Time> LogTimeOf(absl::string_view line);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_LOG_TIME_H_
