#include "client/cli/command_run.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/follow.h"
#include "client/cli/interrupt.h"
#include "client/cli/job_input.h"
#include "client/cli/private_server.h"
#include "proto/contract/job_spec.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

// Ranks get a moment to stop at a step's end when the user gives up.
constexpr absl::Duration kCancelWithin = absl::Seconds(60);

// Stops a job that nobody could look at again.
void CancelAndWait(const CommandContext& context, const PrivateServer& server,
                   const std::string& id) {
  context.console.err << "\ncancelling job/" << id << " ...\n" << std::flush;
  JobClient client = server.Connect();
  if (!client.Cancel(id).ok()) return;
  FollowOptions options;
  options.show = false;
  options.timeout = kCancelWithin;
  (void)FollowJob(context, client, id, options);
}

// A coordinator, and the job in it.
struct Running {
  std::unique_ptr<PrivateServer> server;
  absl::StatusOr<v1::Job> job;
};

// CANCELLED when the user gives up before the job can be followed: then neither
// job nor coordinator is left.
absl::StatusOr<Running> Begin(const CommandContext& context,
                              const v1::JobSpec& spec, int ranks) {
  Running running;
  bool given_up = false;
  {
    const InterruptHandler interrupt([] {});
    ASSIGN_OR_RETURN(running.server, PrivateServer::Start(ranks, [&] {
                       return interrupt.interrupted();
                     }));
    running.job = running.server->Connect().Submit(
        spec, {.job_id = "", .request_id = "", .validate_only = false});
    given_up = interrupt.interrupted();
  }
  if (!given_up) return running;
  if (running.job.ok()) {
    CancelAndWait(context, *running.server, JobIdOf(running.job->name()));
  }
  return absl::CancelledError("interrupted");
}

ExitStatus Follow(const CommandContext& context, PrivateServer& server,
                  const std::string& id) {
  JobClient client = server.Connect();
  const absl::StatusOr<v1::Job> job = FollowJob(context, client, id, {});
  if (!job.ok()) CancelAndWait(context, server, id);
  if (!job.ok() && absl::IsCancelled(job.status())) {
    return ExitStatus::kInterrupted;
  }
  const std::string logs =
      absl::StrCat("logs and state are kept in ", server.folder());
  const ExitStatus result =
      job.ok() ? ReportEnd(context, *job, logs)
               : ReportError(context.console, job.status(), logs);
  if (result != ExitStatus::kSuccess) server.KeepFolder();
  return result;
}

ExitStatus Run(const CommandContext& context, const JobInput& input) {
  const absl::StatusOr<SpecFile> file = input.Load();
  if (!file.ok()) return context.Report(file.status());
  if (!file->problems.empty()) return ReportProblems(context.console, *file);
  v1::JobSpec resolved = file->spec;
  ApplyDefaults(&resolved);
  const absl::StatusOr<Running> running =
      Begin(context, file->spec, resolved.resources().ranks());
  if (absl::IsCancelled(running.status())) return ExitStatus::kInterrupted;
  if (!running.ok()) {
    return ReportError(context.console, ExitStatus::kFailed,
                       running.status().message());
  }
  if (!running->job.ok()) return context.Report(running->job.status());
  return Follow(context, *running->server, JobIdOf(running->job->name()));
}

}  // namespace

void AddRunCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "run", "Run a job here and now, with a coordinator of its own");
  auto input = std::make_shared<JobInput>();
  input->AddTo(*command);
  command->callback([&context, input] {
    context.run = [&context, input] { return Run(context, *input); };
  });
}

}  // namespace lockstep::cli
