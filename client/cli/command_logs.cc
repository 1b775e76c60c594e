#include "client/cli/command_logs.h"

#include <memory>

#include "client/cli/interrupt.h"
#include "client/cli/json.h"
#include "proto/contract/resource_name.h"

namespace lockstep::cli {
namespace {

struct LogFlags {
  std::string id;
  int attempt = 0;
  int rank = 0;
  int tail = 0;
  bool prepare = false;
  bool follow = false;
};

ExitStatus Logs(const CommandContext& context, const LogFlags& flags,
                JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  v1::StreamLogsRequest request;
  request.set_name(JobName(id));
  request.set_attempt(flags.attempt);
  request.set_rank(flags.rank);
  request.set_tail_lines(flags.tail);
  request.set_prepare(flags.prepare);
  request.set_follow(flags.follow);
  InterruptHandler interrupt([&] { client.Interrupt(); });
  const absl::Status status =
      client.Logs(request, [&](const v1::StreamLogsResponse& lines) {
        context.console.out
            << (context.console.json ? ToJsonLine(lines) + "\n" : lines.data())
            << std::flush;
      });
  if (interrupt.interrupted()) return ExitStatus::kInterrupted;
  return status.ok() ? ExitStatus::kSuccess : context.ReportForJob(status, id);
}

}  // namespace

void AddLogsCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("logs", "Print the log of a rank");
  auto flags = std::make_shared<LogFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_flag("-f,--follow", flags->follow, "Stay until the job ends");
  command->add_option("--rank", flags->rank, "Which rank [0]")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--attempt", flags->attempt, "Which attempt [newest]")
      ->check(CLI::PositiveNumber);
  command->add_flag("--prepare", flags->prepare, "The log of prepare instead");
  command->add_option("--tail", flags->tail, "Only the last N lines")
      ->check(CLI::PositiveNumber);
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Logs(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
