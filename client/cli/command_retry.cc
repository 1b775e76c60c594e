#include "client/cli/command_retry.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/repeat_job.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr char kRetryMark[] = "-r";

struct RetryFlags {
  std::string id;
  std::string name;
  std::string output_dir;
  int ranks = 0;  // As many as before.
  bool resume = false;
  bool inexact = false;
};

// With so many bins a step as before, where that is possible.
void SetRanks(int ranks, v1::JobSpec& spec) {
  v1::TrainSpec& train = *spec.mutable_train();
  v1::ResourceSpec& resources = *spec.mutable_resources();
  const int64_t micro_batches =
      int64_t{resources.ranks()} * train.gradient_accumulation_steps();
  if (train.has_global_batch_size()) {
    // Follows from that.
    train.clear_gradient_accumulation_steps();
  } else if (micro_batches % ranks == 0) {
    train.set_gradient_accumulation_steps(
        static_cast<int32_t>(micro_batches / ranks));
  }
  resources.set_ranks(ranks);
  if (resources.has_gpus()) resources.set_gpus(ranks);
}

// Where the job left off, or began when it has left nothing.
absl::Status SetStart(const RetryFlags& flags, JobClient& client,
                      v1::JobSpec& spec) {
  ASSIGN_OR_RETURN(const std::vector<v1::Checkpoint> checkpoints,
                   client.Checkpoints(flags.id));
  v1::CheckpointSpec& checkpoint = *spec.mutable_checkpoint();
  if (!checkpoints.empty()) {
    checkpoint.set_start_from(checkpoints.back().name());
  } else if (!checkpoint.has_start_from()) {
    return absl::FailedPreconditionError(
        absl::StrCat("job/", flags.id,
                     " has no checkpoint to go on from; retry it without "
                     "--resume and --inexact"));
  }
  if (flags.inexact) checkpoint.set_inexact(true);
  return absl::OkStatus();
}

absl::StatusOr<v1::Job> RetryJob(const RetryFlags& flags, JobClient& client) {
  ASSIGN_OR_RETURN(const v1::Job job, client.Get(flags.id));
  if (!IsTerminal(job.state())) {
    return absl::FailedPreconditionError(
        absl::StrCat("job/", flags.id, " is ", StateName(job.state()),
                     "; only a job that has ended can be retried"));
  }
  v1::JobSpec spec = SpecToRepeat(job);
  if (flags.ranks > 0) SetRanks(flags.ranks, spec);
  if (flags.resume || flags.inexact) {
    RETURN_IF_ERROR(SetStart(flags, client, spec));
  }
  return SubmitRepeat({flags.id, kRetryMark, flags.name, flags.output_dir},
                      spec, client);
}

ExitStatus Retry(const CommandContext& context, RetryFlags flags,
                 JobClient& client) {
  flags.id = JobIdOf(flags.id);
  const absl::StatusOr<v1::Job> job = RetryJob(flags, client);
  if (!job.ok()) return context.ReportForJob(job.status(), flags.id);
  return ReportRepeat(context, *job);
}

}  // namespace

void AddRetryCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "retry",
      "Submit the spec of an ended job again, as NAME-r2, -r3, ..., into a "
      "folder of its own, from the beginning or where it left off");
  auto flags = std::make_shared<RetryFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_option("--name", flags->name, "Name of the new job");
  command->add_option("--output-dir", flags->output_dir,
                      "Folder for its result [the old one with the new suffix, "
                      "or --name beside the old one]");
  command->add_option("--ranks", flags->ranks, "On so many ranks [as before]")
      ->check(CLI::PositiveNumber);
  command->add_flag("--resume", flags->resume,
                    "Go on from the newest checkpoint, to the same bits");
  command->add_flag("--inexact", flags->inexact,
                    "Go on from it also with other --ranks: no row is lost or "
                    "seen twice, but bits differ");
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Retry(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
