#ifndef LOCKSTEP_SERVER_LAUNCHER_SLURM_JOB_H_
#define LOCKSTEP_SERVER_LAUNCHER_SLURM_JOB_H_

// How an attempt is put to Slurm: the name of its job, the command line of
// sbatch and the batch script. Pure, so that golden tests can hold them still.
//
//   sbatch --parsable --job-name=lockstep-NONCE-UID-ATTEMPT --no-requeue
//       --export=PATH ... STATE/jobs/{uid}/attempt-N/batch.sh
//
// One Slurm job is one attempt and is never run again by Slurm: what comes next
// is for the scheduler to say. Its script starts one supervisor on each host,
//
//   lockstep-worker supervise --coordinator HOST:PORT --job jobs/{job}
//       --attempt N --token-file ... --attempt-dir ... --slurm cuda
//       --ranks-per-node 8 --tls-ca ...
//
// which finds out by Slurm's environment which host it is on. Everybody may
// read a job's name, comment and command line, so nothing in them is secret.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "server/launcher/launcher.h"
#include "server/launcher/worker_command.h"

namespace lockstep {

// What jobs get that do not say it themselves; empty: as the site has it.
struct SlurmDefaults {
  std::string partition;
  std::string account;
  std::string qos;
};

struct SlurmJob {
  std::string name;
  // Of this state folder; see SlurmNonce.
  std::string nonce;
  SlurmDefaults defaults;
  // What Slurm kills it after; infinite: as the partition has it.
  absl::Duration time_limit = absl::InfiniteDuration();
  // Of its slots: CPU or CUDA, and which model is asked for, if any.
  v1::Device::Kind kind = v1::Device::CPU;
  std::string gpu_type;
  // Variables that the job sees besides PATH.
  std::vector<std::string> exported;
};

// "lockstep-NONCE-": of all jobs of this state folder, and of no other.
std::string SlurmPrefix(absl::string_view nonce);
std::string SlurmJobName(absl::string_view nonce, absl::string_view job_uid,
                         int attempt);

// Hosts of an attempt, and ranks on each.
int NodesOf(const v1::JobSpec& spec);
int RanksPerNode(const LaunchRequest& request);

// In the attempt's folder.
inline constexpr char kBatchScript[] = "batch.sh";

// argv without the program.
std::vector<std::string> SbatchArguments(const WorkerContext& context,
                                         const LaunchRequest& request,
                                         const SlurmJob& job);
// `srun` is its path, or its name in PATH.
std::string BatchScript(const WorkerContext& context,
                        const LaunchRequest& request, const SlurmJob& job,
                        const std::string& srun);

// Of the variables that are set, those that a job's processes heed: NCCL_*.
std::vector<std::string> ExportedNames(const char* const* environment);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_SLURM_JOB_H_
