#ifndef LOCKSTEP_SERVER_LAUNCHER_SLURM_NONCE_H_
#define LOCKSTEP_SERVER_LAUNCHER_SLURM_NONCE_H_

// STATE/slurm.nonce: tells the Slurm jobs of this state folder from those of
// any other. No secret.

#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

// Eight hexadecimal digits, made when there is no file. DATA_LOSS: it holds
// something else.
absl::StatusOr<std::string> SlurmNonce(const std::string& state_dir);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_SLURM_NONCE_H_
