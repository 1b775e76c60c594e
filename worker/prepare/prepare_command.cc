#include "worker/prepare/prepare_command.h"

#include <google/protobuf/util/json_util.h>

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
#include "worker/io/file.h"
#include "worker/prepare/prepare.h"

namespace lockstep {
namespace {

constexpr int64_t kMaxSpecFileBytes = 1 << 20;

struct PrepareFlags {
  std::string coordinator;
  std::string job;
  std::string job_uid;
  std::string token_file;
  std::string spec_file;
  std::string cache_dir;
};

absl::StatusOr<v1::JobSpec> ReadSpec(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string json,
                   ReadWholeFile(path, kMaxSpecFileBytes));
  v1::JobSpec spec;
  const auto read = google::protobuf::util::JsonStringToMessage(json, &spec);
  if (!read.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": is not a JobSpec: ", std::string(read.message())));
  }
  return spec;
}

int Usage(const absl::Status& status) {
  std::cerr << "lockstep-worker prepare: " << status.message() << "\n";
  return kUsage;
}

int RunPrepare(const PrepareFlags& flags) {
  absl::StatusOr<v1::JobSpec> spec = ReadSpec(flags.spec_file);
  if (!spec.ok()) return Usage(spec.status());
  const auto coordinator =
      GrpcCoordinator::Create({.address = flags.coordinator,
                               .job = flags.job,
                               .token_file = flags.token_file});
  if (!coordinator.ok()) return Usage(coordinator.status());
  PrepareOptions options;
  options.spec = *std::move(spec);
  options.owner = absl::StrCat(flags.job, " ", flags.job_uid);
  options.cache_dir = flags.cache_dir;
  options.now = absl::Now();
  options.warn = [](const std::string& warning) {
    std::cerr << "warning: " << warning << "\n";
  };
  return Prepare(options, **coordinator);
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
  command->add_option("--job", flags->job, "jobs/{job}")->required();
  command->add_option("--job-uid", flags->job_uid, "The job's uid")->required();
  command->add_option("--token-file", flags->token_file, "Token, 0600")
      ->required();
  command->add_option("--spec", flags->spec_file, "The resolved JobSpec, JSON")
      ->required();
  command->add_option("--cache-dir", flags->cache_dir, "Folder of token caches")
      ->required();
  command->callback(
      [flags, run] { *run = [flags] { return RunPrepare(*flags); }; });
}

}  // namespace lockstep
