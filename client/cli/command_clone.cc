#include "client/cli/command_clone.h"

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/cli/job_input.h"
#include "client/cli/repeat_job.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr char kCloneMark[] = "-c";

struct CloneFlags {
  std::string id;
  std::string name;
  std::string output_dir;
  SpecFlags spec;
};

// Of two fields of which one follows from the other the one that is changed
// counts.
void FollowAnew(const v1::JobSpec& old, v1::JobSpec& spec) {
  v1::TrainSpec& train = *spec.mutable_train();
  const bool batch =
      train.global_batch_size() != old.train().global_batch_size();
  const bool steps = train.gradient_accumulation_steps() !=
                     old.train().gradient_accumulation_steps();
  if (steps && !batch) {
    train.clear_global_batch_size();
  } else if (train.has_global_batch_size() && !steps) {
    train.clear_gradient_accumulation_steps();
  }
  v1::ResourceSpec& resources = *spec.mutable_resources();
  const v1::ResourceSpec& had = old.resources();
  const bool ranks = resources.ranks() != had.ranks();
  if (resources.gpus() == had.gpus()) {
    if (ranks) resources.clear_gpus();
    return;
  }
  if (!ranks) resources.clear_ranks();
  if (resources.device() == had.device()) resources.clear_device();
}

// The job's spec with all flags applied; relative paths are those of the
// command line.
absl::StatusOr<SpecFile> Changed(const CloneFlags& flags, const v1::Job& job) {
  std::error_code ignored;
  SpecFile file;
  file.name = absl::StrCat("job/", flags.id);
  file.folder = std::filesystem::current_path(ignored).string();
  file.spec = SpecToRepeat(job);
  const v1::JobSpec old = file.spec;
  RETURN_IF_ERROR(flags.spec.ApplyTo(file.spec));
  FollowAnew(old, file.spec);
  ResolveAndCheck(file);
  return file;
}

// Name and folder may be among the settings.
RepeatPlace PlaceOf(const CloneFlags& flags, const v1::JobSpec& old,
                    const v1::JobSpec& changed) {
  RepeatPlace place = {flags.id, kCloneMark, flags.name, flags.output_dir};
  if (place.name.empty() && changed.name() != old.name()) {
    place.name = changed.name();
  }
  if (place.output_dir.empty() && changed.output_dir() != old.output_dir()) {
    place.output_dir = changed.output_dir();
  }
  return place;
}

ExitStatus Clone(const CommandContext& context, CloneFlags flags,
                 JobClient& client) {
  flags.id = JobIdOf(flags.id);
  const absl::StatusOr<v1::Job> old = client.Get(flags.id);
  if (!old.ok()) return context.ReportForJob(old.status(), flags.id);
  const absl::StatusOr<SpecFile> file = Changed(flags, *old);
  if (!file.ok()) return context.Report(file.status());
  if (!file->problems.empty()) return ReportProblems(context.console, *file);
  const absl::StatusOr<v1::Job> job =
      SubmitRepeat(PlaceOf(flags, old->spec(), file->spec), file->spec, client);
  return job.ok() ? ReportRepeat(context, *job) : context.Report(job.status());
}

}  // namespace

void AddCloneCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "clone",
      "Submit the spec of a job again with changes, as NAME-c2, -c3, ..., into "
      "a folder of its own and from the beginning");
  auto flags = std::make_shared<CloneFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_option("--name", flags->name, "Name of the new job");
  command->add_option("--output-dir", flags->output_dir,
                      "Folder for its result [the old one with the new suffix, "
                      "or --name beside the old one]");
  flags->spec.AddTo(*command);
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Clone(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
