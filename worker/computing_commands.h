#ifndef LOCKSTEP_WORKER_COMPUTING_COMMANDS_H_
#define LOCKSTEP_WORKER_COMPUTING_COMMANDS_H_

// The subcommands that need LibTorch, and so are lockstep-rank's: it takes
// them, and lockstep-worker lists them and hands them on.

namespace lockstep {

struct ComputingCommand {
  const char* name;
  const char* description;
};

inline constexpr ComputingCommand kTrainCommand = {
    "train", "One rank of an attempt; supervisors run it"};
inline constexpr ComputingCommand kPlanCommand = {
    "plan", "What memory a rank of a job takes, and what fits"};
inline constexpr ComputingCommand kForwardCommand = {
    "forward", "Write the logits of a list of token ids"};

inline constexpr ComputingCommand kComputingCommands[] = {
    kTrainCommand, kPlanCommand, kForwardCommand};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMPUTING_COMMANDS_H_
