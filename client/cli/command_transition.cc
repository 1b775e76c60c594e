#include "client/cli/command_transition.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "client/cli/json.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {
namespace {

using Ask = absl::StatusOr<v1::Job> (JobClient::*)(absl::string_view id);

// Of each job; the last failure is the result.
ExitStatus AskEach(const CommandContext& context, Ask ask,
                   const std::vector<std::string>& ids, JobClient& client) {
  ExitStatus result = ExitStatus::kSuccess;
  for (const std::string& id : ids) {
    const absl::StatusOr<v1::Job> job = (client.*ask)(JobIdOf(id));
    if (!job.ok()) {
      result = context.ReportForJob(job.status(), JobIdOf(id));
    } else if (context.console.json) {
      context.console.out << ToJson(*job);
    } else {
      context.console.out << "job/" << JobIdOf(id) << " "
                          << absl::AsciiStrToLower(StateName(job->state()))
                          << "\n";
    }
  }
  return result;
}

void AddTransition(CLI::App& app, CommandContext& context,
                   const std::string& name, const std::string& what, Ask ask) {
  CLI::App* command = app.add_subcommand(name, what);
  auto ids = std::make_shared<std::vector<std::string>>();
  command->add_option("NAME", *ids, "The jobs")->required();
  command->callback([&context, ids, ask] {
    context.run = [&context, ids, ask] {
      return WithClient(context, [&](JobClient& client) {
        return AskEach(context, ask, *ids, client);
      });
    };
  });
}

}  // namespace

void AddTransitionCommands(CLI::App& app, CommandContext& context) {
  AddTransition(app, context, "cancel", "Stop jobs for good",
                &JobClient::Cancel);
  AddTransition(app, context, "pause",
                "Let jobs write a checkpoint, give their devices back and hold",
                &JobClient::Pause);
  AddTransition(app, context, "resume",
                "Let paused jobs wait for devices again and go on",
                &JobClient::Resume);
}

}  // namespace lockstep::cli
