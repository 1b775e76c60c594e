#ifndef LOCKSTEP_WORKER_WORKER_H_
#define LOCKSTEP_WORKER_WORKER_H_

// A rank's life: connect, join, build, restore, train, save, leave. It is the
// only place that knows which communicator a job gets, and the only one where
// what Torch throws is caught.
//
// One process is one rank, and on a CPU one rank is one thread of work. Beside
// the trainer's thread there is the reporter's (worker/train/progress.h).

#include <string>

namespace lockstep {

// The command line of `lockstep-worker train`, as worker/supervise/rank_command
// writes it.
struct WorkerOptions {
  // unix:/path or host:port.
  std::string coordinator;
  // PEM file of the CA that a host:port is trusted by; empty: without TLS.
  std::string tls_ca;
  // jobs/{job}.
  std::string job;
  int attempt = 0;
  int rank = 0;
  // Holds the attempt's token, 0600.
  std::string token_file;
  // "cpu:N": the N-th slot of this host; or the UUID of a GPU, "GPU-...".
  std::string device;
};

// Lives it and returns the exit code (proto/contract/exit_code.h). Why it
// failed goes to the coordinator and to stderr, which is the rank's log. From
// the first step on SIGTERM means: write a checkpoint at the next step
// boundary and stop.
int RunWorker(const WorkerOptions& options);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_WORKER_H_
