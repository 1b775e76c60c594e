#ifndef LOCKSTEP_SERVER_LAUNCHER_SLURM_WORDS_H_
#define LOCKSTEP_SERVER_LAUNCHER_SLURM_WORDS_H_

// What Slurm's states and reasons mean here. Pure.

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/launcher/launcher.h"
#include "server/launcher/slurm_text.h"

namespace lockstep {

enum class SlurmPhase {
  // It waits: nothing of it runs.
  kWaiting,
  // It has nodes, or has had them and is being cleaned up after.
  kRunning,
  // Nothing happens to it any more.
  kEnded,
};
// A state that is not known is one that runs: nothing is concluded from it.
SlurmPhase PhaseOf(absl::string_view state);

// Why a job waits, as a sentence that ends with Slurm's own word: "waits for
// nodes to be free (Slurm: Resources)".
std::string WaitsFor(absl::string_view reason);

// The end cause that an end state stands for; none for COMPLETED and FAILED,
// which say no more than the ranks themselves.
std::optional<EngineEnd> EndOf(absl::string_view state, const SlurmJobEnd& end);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_SLURM_WORDS_H_
