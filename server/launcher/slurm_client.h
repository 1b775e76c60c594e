#ifndef LOCKSTEP_SERVER_LAUNCHER_SLURM_CLIENT_H_
#define LOCKSTEP_SERVER_LAUNCHER_SLURM_CLIENT_H_

// Slurm's own programs, which every site has in the release that it needs:
// sbatch, squeue, scancel, scontrol, sinfo. Each call runs one and blocks until
// it has ended or its time is up; so only the Slurm launcher's thread calls,
// and the start of lockstepd. Thread-compatible.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/launcher/slurm_text.h"

namespace lockstep {

struct SlurmClientOptions {
  // Folder of the programs; empty: they are found in PATH.
  std::string bin_dir;
  // One whose controller is away gives up by itself after 18 s.
  absl::Duration timeout = absl::Seconds(20);
  // Readable when no answer is wanted any more; -1 for never.
  int stop_fd = -1;
};

// UNAVAILABLE everywhere: slurmctld does not answer, and what was asked may or
// may not have happened. FAILED_PRECONDITION: Slurm refused, with its words.
class SlurmClient {
 public:
  explicit SlurmClient(SlurmClientOptions options)
      : options_(std::move(options)) {}

  std::string PathOf(const std::string& program) const;

  // The id of the job. slurmctld may forget it if it is killed within seconds.
  absl::StatusOr<std::string> Submit(
      const std::vector<std::string>& arguments) const;
  // All jobs of this user, those that ended a few minutes ago among them.
  absl::StatusOr<std::vector<SlurmJobLine>> List() const;
  // By name, which nobody else's job has, unlike an id; with `id`, only that
  // one of them. OK when there is none.
  absl::Status Cancel(const std::string& name, const std::string& id) const;
  // SIGKILL to its processes first.
  absl::Status Kill(const std::string& name) const;
  absl::StatusOr<SlurmJobEnd> EndOfJob(const std::string& id) const;
  // Of a partition, or of all nodes when it is empty.
  absl::StatusOr<SlurmSlots> Slots(const std::string& partition) const;
  // `scontrol show config`.
  absl::StatusOr<std::string> Config() const;

 private:
  absl::StatusOr<std::string> Run(std::vector<std::string> words) const;

  const SlurmClientOptions options_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_SLURM_CLIENT_H_
