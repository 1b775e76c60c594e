#ifndef LOCKSTEP_CLIENT_CLI_STEP_RANGE_H_
#define LOCKSTEP_CLIENT_CLI_STEP_RANGE_H_

// --steps 100-110: both included.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::cli {

struct StepRange {
  int64_t first = 0;
  int64_t last = 0;

  bool Contains(int64_t step) const { return first <= step && step <= last; }
  friend bool operator==(const StepRange&, const StepRange&) = default;
};

// Of "100-110", or "100" for that one. INVALID_ARGUMENT names what was given.
absl::StatusOr<StepRange> ParseStepRange(absl::string_view text);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_STEP_RANGE_H_
