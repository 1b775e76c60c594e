#include "client/cli/command_retry.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/json.h"
#include "client/cli/request_id.h"
#include "client/cli/retry_name.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/queue.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr int kMostTries = 1000;

struct RetryFlags {
  std::string id;
  std::string name;
  std::string output_dir;
  int ranks = 0;  // As many as before.
  bool resume = false;
  bool inexact = false;
};

absl::StatusOr<v1::Job> Submit(v1::JobSpec spec, const std::string& name,
                               const std::string& output_dir,
                               JobClient& client) {
  spec.set_name(name);
  spec.set_output_dir(output_dir);
  return client.Submit(spec, {.request_id = NewRequestId()});
}

// Under the first name of its row that is free.
absl::StatusOr<v1::Job> SubmitUnderFreeName(const RetryFlags& flags,
                                            const v1::JobSpec& spec,
                                            JobClient& client) {
  const RetryName before = ParseRetryName(flags.id);
  absl::StatusOr<v1::Job> job;
  for (int i = 1; i <= kMostTries; ++i) {
    const int number = before.number + i;
    const std::string name = RetryNameOf(before.base, number);
    job =
        Submit(spec, name,
               flags.output_dir.empty() ? RetryFolder(spec.output_dir(), number)
                                        : flags.output_dir,
               client);
    if (ErrorReason(job.status()) != "JOB_EXISTS") return job;
  }
  return job;
}

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
  ASSIGN_OR_RETURN(v1::Job job, client.Get(flags.id));
  if (!IsTerminal(job.state())) {
    return absl::FailedPreconditionError(
        absl::StrCat("job/", flags.id, " is ", StateName(job.state()),
                     "; only a job that has ended can be retried"));
  }
  v1::JobSpec& spec = *job.mutable_spec();
  // Both may have changed since.
  *spec.mutable_labels() = job.labels();
  spec.mutable_resources()->set_priority(job.priority());
  spec.mutable_resources()->set_queue(QueueOf(job));
  // Those may have ended badly or be gone by now; whoever retries knows.
  spec.clear_after();
  if (flags.ranks > 0) SetRanks(flags.ranks, spec);
  if (flags.resume || flags.inexact) {
    RETURN_IF_ERROR(SetStart(flags, client, spec));
  }
  if (flags.name.empty()) return SubmitUnderFreeName(flags, spec, client);
  const std::string folder = absl::StrCat(
      std::filesystem::path(spec.output_dir()).parent_path().string(), "/",
      flags.name);
  return Submit(spec, flags.name,
                flags.output_dir.empty() ? folder : flags.output_dir, client);
}

ExitStatus Retry(const CommandContext& context, RetryFlags flags,
                 JobClient& client) {
  flags.id = JobIdOf(flags.id);
  if (!flags.output_dir.empty()) {
    flags.output_dir = std::filesystem::absolute(flags.output_dir).string();
  }
  const absl::StatusOr<v1::Job> job = RetryJob(flags, client);
  if (!job.ok()) return context.ReportForJob(job.status(), flags.id);
  if (context.console.json) {
    context.console.out << ToJson(*job);
    return ExitStatus::kSuccess;
  }
  context.console.out << "job/" << JobIdOf(job->name()) << " created\n";
  if (!context.console.quiet) {
    context.console.err << "output " << job->spec().output_dir() << "\n";
  }
  return ExitStatus::kSuccess;
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
