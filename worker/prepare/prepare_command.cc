#include "worker/prepare/prepare_command.h"

#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/status_macros.h"
#include "worker/coordinator/grpc_coordinator.h"
#include "worker/io/spec_file.h"
#include "worker/io/timed_lines.h"
#include "worker/prepare/cache_folder.h"
#include "worker/prepare/confined.h"
#include "worker/prepare/outcome.h"
#include "worker/prepare/output_folder.h"
#include "worker/prepare/prepare.h"
#include "worker/prepare/prepare_limits.h"

namespace lockstep {
namespace {

struct PrepareFlags {
  std::string coordinator;
  std::string tls_ca;
  std::string job;
  std::string job_uid;
  std::string token_file;
  std::string spec_file;
  std::string cache_dir;
  // 0: as the input asks for.
  int64_t memory_mib = 0;
  int64_t cpu_seconds = 0;
  int64_t file_mib = 0;
};

int Usage(const absl::Status& status) {
  std::cerr << "lockstep-worker prepare: " << status.message() << "\n";
  return kUsage;
}

PrepareLimits Limits(const PrepareFlags& flags, const v1::JobSpec& spec) {
  PrepareLimits limits = LimitsFor(spec);
  if (flags.memory_mib > 0) limits.memory_bytes = flags.memory_mib << 20;
  if (flags.cpu_seconds > 0) limits.cpu_seconds = flags.cpu_seconds;
  if (flags.file_mib > 0) limits.file_bytes = flags.file_mib << 20;
  return limits;
}

PrepareOutcome PlanConfined(const PrepareLimits& limits,
                            PrepareOptions options) {
  OutputFolder made =
      OutputFolder::Expect(options.spec.output_dir(), options.owner);
  Confined confined = RunConfined(limits, [&options](TellPlace at) {
    options.at = std::move(at);
    return OutcomeOf(MakePlan(options));
  });
  if (confined.orderly) {
    made.Keep();
  } else {
    CacheFolder::RemoveAbandoned(options.cache_dir);
  }
  return std::move(confined.outcome);
}

int RunPrepare(const PrepareFlags& flags) {
  const TimedLines timed(std::cerr);
  absl::StatusOr<v1::JobSpec> spec = ReadSpecFile(flags.spec_file);
  if (!spec.ok()) return Usage(spec.status());
  const PrepareLimits limits = Limits(flags, *spec);
  PrepareOptions options;
  options.spec = *std::move(spec);
  options.owner = absl::StrCat(flags.job, " ", flags.job_uid);
  options.cache_dir = flags.cache_dir;
  options.now = absl::Now();
  const PrepareOutcome outcome = PlanConfined(limits, std::move(options));
  // Only now: its threads and its token are not for the child.
  const auto coordinator =
      GrpcCoordinator::Create({.address = flags.coordinator,
                               .tls_ca = flags.tls_ca,
                               .job = flags.job,
                               .token_file = flags.token_file});
  if (!coordinator.ok()) return Usage(coordinator.status());
  return Tell(outcome, **coordinator);
}

// How an administrator gives more, or less, to every job of a daemon.
void AddLimit(CLI::App& command, const char* flag, const char* variable,
              const char* text, int64_t* value) {
  command.add_option(flag, *value, text)
      ->envname(variable)
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
}

}  // namespace

void AddPrepareCommand(CLI::App& app, std::function<int()>* run) {
  auto flags = std::make_shared<PrepareFlags>();
  CLI::App* command = app.add_subcommand(
      "prepare", "Check a job's input, tokenise its data, plan its steps");
  command
      ->add_option("--coordinator", flags->coordinator,
                   "unix:/path or host:port")
      ->required();
  command->add_option("--tls-ca", flags->tls_ca,
                      "PEM file of the CA that a host:port is trusted by");
  command->add_option("--job", flags->job, "jobs/{job}")->required();
  command->add_option("--job-uid", flags->job_uid, "The job's uid")->required();
  command->add_option("--token-file", flags->token_file, "Token, 0600")
      ->required();
  command->add_option("--spec", flags->spec_file, "The resolved JobSpec, JSON")
      ->required();
  command->add_option("--cache-dir", flags->cache_dir, "Folder of token caches")
      ->required();
  AddLimit(*command, "--memory-limit", "LOCKSTEP_PREPARE_MEMORY_MIB",
           "MiB of memory [by the size of the input]", &flags->memory_mib);
  AddLimit(*command, "--cpu-limit", "LOCKSTEP_PREPARE_CPU_SECONDS",
           "Seconds of processor time [by the size of the input]",
           &flags->cpu_seconds);
  AddLimit(*command, "--file-limit", "LOCKSTEP_PREPARE_FILE_MIB",
           "MiB of a file that is written [by the size of the input]",
           &flags->file_mib);
  command->callback(
      [flags, run] { *run = [flags] { return RunPrepare(*flags); }; });
}

}  // namespace lockstep
