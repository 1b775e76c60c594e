#include "client/cli/command_checkpoints.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "client/cli/worker_program.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

struct ExportFlags {
  std::string id;
  std::string output;
  std::string dtype;
  std::optional<int64_t> step;
  bool merge = false;
};

ExitStatus List(const CommandContext& context, const std::string& id,
                JobClient& client) {
  const absl::StatusOr<std::vector<v1::Checkpoint>> checkpoints =
      client.Checkpoints(id);
  if (!checkpoints.ok()) return context.ReportForJob(checkpoints.status(), id);
  if (context.console.json) {
    v1::ListCheckpointsResponse response;
    *response.mutable_checkpoints() = {checkpoints->begin(),
                                       checkpoints->end()};
    context.console.out << ToJsonList(response);
    return ExitStatus::kSuccess;
  }
  if (checkpoints->empty()) {
    context.console.err << "no checkpoints\n";
    return ExitStatus::kSuccess;
  }
  Table table({"STEP", "ATTEMPT", "LOSS", "SIZE", "PINNED", "PATH", "AGE"},
              context.console.room);
  for (const v1::Checkpoint& checkpoint : *checkpoints) {
    table.AddRow(
        {absl::StrCat(checkpoint.step()), absl::StrCat(checkpoint.attempt()),
         FormatLoss(checkpoint.loss()), FormatBytes(checkpoint.size_bytes()),
         checkpoint.pinned() ? "yes" : "", checkpoint.path(),
         FormatAge(checkpoint.create_time(), absl::Now())});
  }
  context.console.out << table.Render();
  return ExitStatus::kSuccess;
}

struct PinFlags {
  std::string id;
  int64_t step = 0;
  bool pinned = true;
};

ExitStatus Pin(const CommandContext& context, const PinFlags& flags,
               JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  const absl::StatusOr<v1::Checkpoint> checkpoint =
      client.Pin(id, flags.step, flags.pinned);
  if (!checkpoint.ok()) return context.ReportForJob(checkpoint.status(), id);
  if (context.console.json) {
    context.console.out << ToJson(*checkpoint);
  } else {
    context.console.out << "job/" << id << " checkpoint " << flags.step
                        << (flags.pinned ? " pinned\n" : " unpinned\n");
  }
  return ExitStatus::kSuccess;
}

void AddPin(CLI::App& checkpoints, CommandContext& context, const char* name,
            bool pinned, const char* what) {
  CLI::App* pin = checkpoints.add_subcommand(name, what);
  auto flags = std::make_shared<PinFlags>();
  flags->pinned = pinned;
  pin->add_option("NAME", flags->id, "The job")->required();
  pin->add_option("STEP", flags->step, "Which of its checkpoints")
      ->required()
      ->check(CLI::PositiveNumber);
  pin->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Pin(context, *flags, client);
      });
    };
  });
}

// The folder that holds the weights: the one of the wanted step; else the
// result of a job that succeeded; else the newest checkpoint.
absl::StatusOr<std::string> FindWeights(const v1::Job& job,
                                        std::optional<int64_t> step,
                                        JobClient& client) {
  if (!step.has_value() && job.state() == v1::Job::SUCCEEDED) {
    return job.spec().output_dir();
  }
  const std::string id = JobIdOf(job.name());
  ASSIGN_OR_RETURN(std::vector<v1::Checkpoint> checkpoints,
                   client.Checkpoints(id));
  std::string steps;
  for (const v1::Checkpoint& checkpoint : checkpoints) {
    if (checkpoint.step() == step) return checkpoint.path();
    absl::StrAppend(&steps, steps.empty() ? "" : ", ", checkpoint.step());
  }
  if (checkpoints.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("job/", id, " is ", StateName(job.state()),
                     " and has no checkpoint yet"));
  }
  if (!step.has_value()) return checkpoints.back().path();
  return absl::NotFoundError(absl::StrCat(
      "job/", id, " has no checkpoint of step ", *step, "; it has ", steps));
}

ExitStatus RunExport(const CommandContext& context, const ExportFlags& flags,
                     const v1::Job& job, const std::string& weights) {
  std::vector<std::string> argv = {
      "export",   "--checkpoint", weights, "--base", job.spec().model().path(),
      "--output", flags.output};
  if (flags.merge) argv.push_back("--merge");
  if (!flags.dtype.empty()) argv.insert(argv.end(), {"--dtype", flags.dtype});
  if (job.spec().model().has_chat_template()) {
    argv.push_back("--chat-template=" + job.spec().model().chat_template());
  }
  if (RunWorkerProgram(context, std::move(argv)) != ExitStatus::kSuccess) {
    return ExitStatus::kFailed;
  }
  if (!context.console.quiet) {
    context.console.err << "exported " << weights << " to " << flags.output
                        << "\n";
  }
  return ExitStatus::kSuccess;
}

ExitStatus Export(const CommandContext& context, const ExportFlags& flags,
                  JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  const absl::StatusOr<v1::Job> job = client.Get(id);
  if (!job.ok()) return context.ReportForJob(job.status(), id);
  const absl::StatusOr<std::string> weights =
      FindWeights(*job, flags.step, client);
  if (!weights.ok()) return context.Report(weights.status());
  return RunExport(context, flags, *job, *weights);
}

}  // namespace

void AddCheckpointsCommand(CLI::App& app, CommandContext& context) {
  CLI::App* checkpoints =
      app.add_subcommand("checkpoints", "List, keep and export checkpoints");
  checkpoints->require_subcommand(1);

  CLI::App* list = checkpoints->add_subcommand("list", "List valid ones");
  auto id = std::make_shared<std::string>();
  list->add_option("NAME", *id, "The job")->required();
  list->callback([&context, id] {
    context.run = [&context, id] {
      return WithClient(context, [&](JobClient& client) {
        return List(context, JobIdOf(*id), client);
      });
    };
  });

  AddPin(*checkpoints, context, "pin", /*pinned=*/true,
         "Keep one, whatever checkpoint.save_total_limit says");
  AddPin(*checkpoints, context, "unpin", /*pinned=*/false,
         "Let one go again when others are newer");

  CLI::App* export_command = checkpoints->add_subcommand(
      "export", "Write an adapter or a model that Hugging Face loads");
  auto flags = std::make_shared<ExportFlags>();
  export_command->add_option("NAME", flags->id, "The job")->required();
  export_command->add_flag("--merge", flags->merge,
                           "Merge the adapter into the base model");
  export_command->add_option("--output", flags->output, "Folder to write")
      ->required();
  export_command->add_option("--step", flags->step,
                             "Checkpoint to export [the result]");
  export_command
      ->add_option("--dtype", flags->dtype, "bf16, float32 or source [source]")
      ->check(CLI::IsMember({"bf16", "float32", "source"}));
  export_command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Export(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
