#ifndef LOCKSTEP_PROTO_CONTRACT_RESOURCE_NAME_H_
#define LOCKSTEP_PROTO_CONTRACT_RESOURCE_NAME_H_

// Resource names: jobs/{job}, jobs/{job}/attempts/{n},
// jobs/{job}/checkpoints/{step}, queues/{queue}.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// [a-z]([a-z0-9-]{0,61}[a-z0-9])?
bool IsValidJobId(absl::string_view id);

std::string JobName(absl::string_view id);
std::string AttemptName(absl::string_view id, int attempt);
std::string CheckpointName(absl::string_view id, int64_t step);
std::string QueueName(absl::string_view id);

// The id in "jobs/{job}". INVALID_ARGUMENT: INVALID_NAME.
absl::StatusOr<std::string> JobIdFromName(absl::string_view name);

// The id in "queues/{queue}", which is spelt as a job's; empty when it is not
// that.
std::string QueueIdFromName(absl::string_view name);

// What "jobs/{job}/checkpoints/{step}" names. INVALID_ARGUMENT: INVALID_NAME.
struct CheckpointRef {
  std::string job;  // jobs/{job}.
  int64_t step = 0;
};
absl::StatusOr<CheckpointRef> ParseCheckpointName(absl::string_view name);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_RESOURCE_NAME_H_
