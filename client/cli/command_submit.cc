#include "client/cli/command_submit.h"

#include <memory>

#include "client/cli/command_set_priority.h"
#include "client/cli/follow.h"
#include "client/cli/job_input.h"
#include "client/cli/json.h"
#include "client/cli/request_id.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_spec.h"

namespace lockstep::cli {
namespace {

struct SubmitFlags {
  JobInput input;
  bool follow = false;
  bool wait = false;
  std::string dry_run;
  std::string request_id;
  v1::ResourceSpec::Priority priority =
      v1::ResourceSpec::PRIORITY_UNSPECIFIED;  // The file's.
};

// Bad fields that only the coordinator knows of, at their place in the file.
ExitStatus ReportRefusal(const CommandContext& context, SpecFile file,
                         const absl::Status& status) {
  const std::vector<FieldViolation> violations = ErrorViolations(status);
  if (violations.empty()) return context.Report(status);
  for (const FieldViolation& violation : violations) {
    const auto at = file.positions.find(violation.field);
    file.problems.push_back(
        {at == file.positions.end() ? Position{} : at->second, violation.field,
         violation.description});
  }
  return ReportProblems(context.console, file);
}

void ReportCreated(const CommandContext& context, const v1::Job& job) {
  if (context.console.json) {
    context.console.out << ToJson(job);
  } else {
    context.console.out << "job/" << JobIdOf(job.name()) << " created\n";
  }
  context.console.out.flush();
}

ExitStatus ReportDryRun(const CommandContext& context, const SpecFile& file,
                        v1::JobSpec spec) {
  ApplyDefaults(&spec);
  if (context.console.json) {
    context.console.out << ToJson(spec);
  } else {
    context.console.out << file.name << ": ok (dry run)\n";
  }
  return ExitStatus::kSuccess;
}

ExitStatus Send(const CommandContext& context, const SubmitFlags& flags,
                const SpecFile& file, JobClient& client) {
  SubmitOptions options;
  options.request_id =
      flags.request_id.empty() ? NewRequestId() : flags.request_id;
  options.validate_only = flags.dry_run == "server";
  const absl::StatusOr<v1::Job> job = client.Submit(file.spec, options);
  if (!job.ok()) return ReportRefusal(context, file, job.status());
  if (options.validate_only) return ReportDryRun(context, file, job->spec());
  const bool stay = flags.follow || flags.wait;
  // With -o json the one document on stdout is the ended job.
  if (!stay || !context.console.json) ReportCreated(context, *job);
  if (!stay) return ExitStatus::kSuccess;
  FollowOptions follow;
  follow.show = flags.follow;
  return FollowAndReport(context, client, JobIdOf(job->name()), follow);
}

ExitStatus Submit(const CommandContext& context, const SubmitFlags& flags) {
  absl::StatusOr<SpecFile> file = flags.input.Load();
  if (!file.ok()) return context.Report(file.status());
  if (flags.priority != v1::ResourceSpec::PRIORITY_UNSPECIFIED) {
    file->spec.mutable_resources()->set_priority(flags.priority);
  }
  if (!file->problems.empty()) return ReportProblems(context.console, *file);
  if (flags.dry_run == "client") {
    return ReportDryRun(context, *file, file->spec);
  }
  return WithClient(context, [&](JobClient& client) {
    return Send(context, flags, *file, client);
  });
}

}  // namespace

void AddSubmitCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("submit", "Submit a job");
  auto flags = std::make_shared<SubmitFlags>();
  flags->input.AddTo(*command);
  command->add_flag("--follow", flags->follow,
                    "Show progress until the job has ended");
  command->add_flag("--wait", flags->wait, "Return when the job has ended");
  command
      ->add_option("--dry-run", flags->dry_run,
                   "Check only: client, or also on the server")
      ->check(CLI::IsMember({"client", "server"}));
  AddPriorityOption(*command, "--priority", flags->priority,
                    "low, normal or high, instead of the file's");
  command->add_option("--request-id", flags->request_id,
                      "Makes a second submit return the first job");
  command->callback([&context, flags] {
    context.run = [&context, flags] { return Submit(context, *flags); };
  });
}

}  // namespace lockstep::cli
