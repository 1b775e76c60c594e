#ifndef LOCKSTEP_SERVER_LAUNCHER_SLURM_TEXT_H_
#define LOCKSTEP_SERVER_LAUNCHER_SLURM_TEXT_H_

// Reads what Slurm's programs print. Pure: text in, values out; what cannot be
// read is left out or named, and never ends the program. Of --json nothing is
// used: it differs from one Slurm to the next and takes seconds where the
// formats below take milliseconds.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/cluster_service.pb.h"

namespace lockstep {

// squeue --format=...: a job a line; times in seconds since 1970.
inline constexpr char kSqueueFormat[] = "%i|%T|%S|%j|%r";
struct SlurmJobLine {
  std::string id;
  // PENDING, RUNNING, COMPLETED, ...
  std::string state;
  // When it began, or is expected to; none: that is not known.
  std::optional<absl::Time> start;
  std::string name;
  // Why it waits, or how it ended.
  std::string reason;
};
// Lines that are none of a job are left out.
std::vector<SlurmJobLine> ParseJobs(absl::string_view text);

// What `scontrol --oneliner show job ID` says of one that has ended.
struct SlurmJobEnd {
  // ExitCode=CODE:SIGNAL, of the batch script.
  int exit_code = 0;
  int signal = 0;
  // Slurm asked it to make room for another one.
  bool preempted = false;
};
SlurmJobEnd ParseJobEnd(absl::string_view text);

// What sbatch --parsable prints: ID or ID;CLUSTER. DATA_LOSS when it is
// anything else.
absl::StatusOr<std::string> ParseSubmitted(absl::string_view text);

// sinfo --Node --format=...: a node a line.
inline constexpr char kSinfoFormat[] = "%N|%c|%G";
struct SlurmSlots {
  int cpus = 0;
  // By type, which may be empty: gpu:h200:4 are four of type h200.
  std::vector<std::pair<std::string, int>> gpus;
};
// Of all nodes that are listed, each once.
SlurmSlots ParseSlots(absl::string_view text);

// The one node of the pool: its devices are as many ranks as Lockstep may have
// in Slurm at a time, and no device of any host.
inline constexpr char kSlurmNode[] = "slurm";
// Their ids begin so.
inline constexpr char kSlurmSlot[] = "slurm-";
v1::Node SlurmNode(const SlurmSlots& slots);

// Whether this site's Slurm would run jobs of ours again by itself, by what
// `scontrol show config` says: FAILED_PRECONDITION naming the setting.
absl::Status CheckRequeueExit(absl::string_view config);

// Whether an error of a program means that slurmctld is away or too busy, and
// not that it refused.
bool IsUnreachable(absl::string_view err);

// Whether a refusal is of the moment: of a partition that is drained, or of a
// limit on how many jobs there may be.
bool IsRefusedForNow(absl::string_view err);

// The sentence of an error: without "sbatch: error: ", the last one first.
std::string ErrorSentence(absl::string_view err);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_SLURM_TEXT_H_
