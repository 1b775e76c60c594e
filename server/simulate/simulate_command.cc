#include "server/simulate/simulate_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "server/scheduler/queue_policy.h"
#include "server/simulate/replay.h"
#include "server/simulate/report.h"
#include "server/simulate/trace.h"

namespace lockstep {
namespace {

constexpr int kMostNodes = 10'000;
constexpr int kMostGpus = 1'000;

absl::StatusOr<std::string> Simulate(const std::string& path,
                                     const SimulatedCluster& cluster) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("--trace ", path, ": ", strerror(errno)));
  }
  const absl::StatusOr<std::vector<TraceJob>> trace = ReadTrace(file);
  if (!trace.ok()) {
    return absl::Status(trace.status().code(),
                        absl::StrCat(path, ": ", trace.status().message()));
  }
  ASSIGN_OR_RETURN(const Replay policy,
                   ReplayTrace(*trace, cluster, QueuePolicy(), Shares::kFair));
  ASSIGN_OR_RETURN(const Replay fifo,
                   ReplayTrace(*trace, cluster, QueuePolicy(/*backfill=*/false),
                               Shares::kNone));
  return ReportOf(*trace, FactsOf(*trace, policy, cluster),
                  FactsOf(*trace, fifo, cluster));
}

}  // namespace

int RunSimulate(std::vector<std::string> arguments, std::ostream& out,
                std::ostream& err) {
  CLI::App app("What the scheduling policy makes of a trace of jobs.",
               "lockstepd simulate");
  std::string path;
  SimulatedCluster cluster;
  app.add_option(
         "--trace", path,
         "CSV with a header, or JSON lines: submit_time, duration, "
         "devices, and if wanted timeout, priority, queue, owner; times "
         "in seconds")
      ->required();
  app.add_option("--nodes", cluster.nodes, "Hosts [1]")
      ->check(CLI::Range(1, kMostNodes));
  app.add_option("--gpus", cluster.gpus, "GPUs of each [8]")
      ->check(CLI::Range(1, kMostGpus));
  std::reverse(arguments.begin(), arguments.end());
  try {  // CLI11 reports by throwing, and takes arguments from the back.
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? 0 : 2;
  }
  const absl::StatusOr<std::string> report = Simulate(path, cluster);
  if (!report.ok()) {
    err << "lockstepd simulate: " << report.status().message() << "\n";
    return 1;
  }
  out << *report;
  return 0;
}

}  // namespace lockstep
