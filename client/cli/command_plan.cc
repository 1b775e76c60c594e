#include "client/cli/command_plan.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/child_process.h"
#include "client/cli/job_input.h"
#include "client/cli/json.h"
#include "client/cli/memory_file.h"
#include "proto/contract/job_spec.h"

namespace lockstep::cli {
namespace {

ExitStatus Plan(const CommandContext& context, const JobInput& input,
                double gpu_memory_gib) {
  const absl::StatusOr<SpecFile> file = input.Load();
  if (!file.ok()) return context.Report(file.status());
  if (!file->problems.empty()) return ReportProblems(context.console, *file);
  v1::JobSpec resolved = file->spec;
  ApplyDefaults(&resolved);
  const absl::StatusOr<MemoryFile> spec = MemoryFile::Create(ToJson(resolved));
  if (!spec.ok()) return context.Report(spec.status());
  const absl::StatusOr<std::string> worker = SiblingProgram("lockstep-worker");
  if (!worker.ok()) return context.Report(worker.status());
  std::vector<std::string> argv = {*worker, "plan", "--spec", spec->path()};
  if (gpu_memory_gib > 0) {
    argv.insert(argv.end(), {"--gpu-memory", absl::StrCat(gpu_memory_gib)});
  }
  if (context.console.json) argv.insert(argv.end(), {"--output", "json"});
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(argv);
  if (!child.ok()) return context.Report(child.status());
  // The worker has said on stderr what was wrong.
  return child->Wait() == 0 ? ExitStatus::kSuccess : ExitStatus::kFailed;
}

}  // namespace

void AddPlanCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "plan", "Show what memory a rank of a job takes, and what fits");
  auto input = std::make_shared<JobInput>();
  input->AddTo(*command);
  auto gpu_memory_gib = std::make_shared<double>(0);
  command
      ->add_option("--gpu-memory", *gpu_memory_gib,
                   "GiB of the GPU to plan for [that of this host's first]")
      ->check(CLI::PositiveNumber);
  command->callback([&context, input, gpu_memory_gib] {
    context.run = [&context, input, gpu_memory_gib] {
      return Plan(context, *input, *gpu_memory_gib);
    };
  });
}

}  // namespace lockstep::cli
