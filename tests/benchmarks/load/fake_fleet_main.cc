// fake_fleet: a lockstepd with a job of two ranks that say what ranks on GPUs
// say, and compute nothing; for tests of what can be seen of it. Says on stderr
// where its metrics are, and lives until SIGTERM.

#include <signal.h>

#include <cstdio>
#include <ctime>

#include "absl/synchronization/mutex.h"
#include "tests/benchmarks/load/daemon.h"
#include "tests/benchmarks/load/fake_job.h"

int main() {
  using namespace lockstep::load;  // NOLINT: a main.
  constexpr int kRanks = 2;
  constexpr timespec kBetweenSteps = {.tv_sec = 0, .tv_nsec = 100'000'000};
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Before there are other threads.
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  pthread_sigmask(SIG_BLOCK, &end, nullptr);

  const Daemon daemon(kRanks);
  FakeJob job(daemon, "played", kRanks);
  std::fprintf(stderr, "metrics %s\n", daemon.metrics_url().c_str());
  do {
    for (int rank = 0; rank < kRanks; ++rank) {
      job.TellAll(rank, /*gpu_had_error=*/true);
    }
  } while (sigtimedwait(&end, nullptr, &kBetweenSteps) < 0);
  return 0;
}
