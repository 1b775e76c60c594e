#include "client/cli/command_plan.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/job_input.h"
#include "client/cli/json.h"
#include "client/cli/memory_file.h"
#include "client/cli/worker_program.h"
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
  std::vector<std::string> words = {"plan", "--spec", spec->path()};
  if (gpu_memory_gib > 0) {
    words.insert(words.end(), {"--gpu-memory", absl::StrCat(gpu_memory_gib)});
  }
  if (context.console.json) words.insert(words.end(), {"--output", "json"});
  return RunWorkerProgram(context, std::move(words));
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
