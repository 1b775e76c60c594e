// load_benchmark [submit|watchers|metrics|idle|scrapes|first-step]...: what the
// coordinator bears on this machine, clients beside it. All of it without
// arguments, which takes some three minutes. 1 when a limit of the design is
// missed, which scrapes and first-step have. LOCKSTEP_BIN_DIR names the
// programs [build/bin], LOCKSTEP_SOURCE_DIR where tests/testdata is [.],
// LOCKSTEP_LOAD_DIR the disk [/tmp], LOCKSTEP_LOAD_JOBS how many jobs [100000].

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "proto/contract/version.h"
#include "tests/benchmarks/load/scenarios.h"

namespace {

int64_t JobsWanted() {
  constexpr int64_t kJobs = 100'000;
  const char* text = std::getenv("LOCKSTEP_LOAD_JOBS");
  int64_t jobs = 0;
  return text != nullptr && absl::SimpleAtoi(text, &jobs) ? jobs : kJobs;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace lockstep::load;  // NOLINT: a main.
  // As in lockstepd: clients are on the same cores.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const std::set<std::string> asked(argv + 1, argv + argc);
  const auto wanted = [&](const char* name) {
    return asked.empty() || asked.contains(name);
  };
  // A line that is known is seen, also in a file.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  double busy[1] = {0};
  getloadavg(busy, 1);
  std::printf("lockstepd %s; %ld cores, of which %.1f were busy\n",
              lockstep::VersionText().c_str(), sysconf(_SC_NPROCESSORS_ONLN),
              busy[0]);
  if (wanted("submit")) {
    Daemon daemon(/*cpu_slots=*/2);
    MeasureSubmit(daemon, JobsWanted());
    MeasureLists(daemon);
    MeasureRestart(daemon);
    if (wanted("watchers")) MeasureWatchers(daemon);
  } else if (wanted("watchers")) {
    MeasureWatchers(Daemon(/*cpu_slots=*/2));
  }
  if (wanted("metrics")) MeasureMetrics();
  if (wanted("idle")) MeasureIdle();
  bool kept = true;
  if (wanted("scrapes")) kept = MeasureScrapes();
  if (wanted("first-step")) kept = MeasureFirstStep() && kept;
  return kept ? 0 : 1;
}
