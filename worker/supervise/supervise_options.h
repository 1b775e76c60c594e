#ifndef LOCKSTEP_WORKER_SUPERVISE_SUPERVISE_OPTIONS_H_
#define LOCKSTEP_WORKER_SUPERVISE_SUPERVISE_OPTIONS_H_

// What `lockstep-worker supervise` is told: one attempt's share of one host.

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lockstep {

struct SuperviseOptions {
  // That `train` is a subcommand of (rank_program.h).
  std::string program;
  // unix:/path or host:port.
  std::string coordinator;
  // PEM file of the CA that a host:port is trusted by; empty: without TLS.
  std::string tls_ca;
  // jobs/{job}.
  std::string job;
  int attempt = 0;
  // Holds the attempt's token, 0600.
  std::string token_file;
  // Logs and the exit file go here.
  std::string attempt_dir;
  // This host, as the placement calls it.
  std::string node;
  // Ranks of this host and the device of each, in the same order.
  std::vector<int> ranks;
  std::vector<std::string> devices;
  // Where the ends of the ranks are left, in attempt_dir; on several hosts each
  // has its own.
  std::string exit_file = "exit.json";
  // Whether the exit code of the supervisor is that of its ranks: a batch
  // system then ends the supervisors of other hosts when one fails.
  bool ends_like_ranks = false;
  // Whether ranks are bound to the CPUs next to their GPUs (cpu_binding.h).
  bool cpu_binding = true;

  // From SIGTERM to SIGKILL for the ranks that outlive a failed one: they have
  // lost a peer and nothing to save.
  absl::Duration peer_grace = absl::Seconds(5);
  // The same when the supervisor itself gets SIGTERM: ranks may be saving.
  absl::Duration stop_grace = absl::Seconds(30);
  // How long the end is offered to a coordinator; afterwards the exit file
  // alone tells it.
  absl::Duration end_wait = absl::Seconds(30);
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_SUPERVISE_OPTIONS_H_
