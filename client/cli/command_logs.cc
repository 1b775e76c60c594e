#include "client/cli/command_logs.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/interrupt.h"
#include "client/cli/json.h"
#include "client/cli/log_since.h"
#include "client/cli/rank_flag.h"
#include "client/cli/rank_logs.h"
#include "google/protobuf/util/time_util.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

struct LogFlags {
  std::string id;
  int attempt = 0;
  std::string rank = "0";
  int tail = 0;
  std::string since;
  bool prepare = false;
  bool follow = false;
};

// All ranks of the attempt, or of the job when none has started yet.
absl::StatusOr<int> RanksOf(const LogFlags& flags, JobClient& client) {
  ASSIGN_OR_RETURN(const v1::Job job, client.Get(JobIdOf(flags.id)));
  const int attempt = flags.attempt > 0 ? flags.attempt : job.attempt();
  if (attempt > 0 && attempt <= job.attempts_size() &&
      job.attempts(attempt - 1).ranks_size() > 0) {
    return job.attempts(attempt - 1).ranks_size();
  }
  return std::max(job.spec().resources().ranks(), 1);
}

absl::Status PrintOneLog(const CommandContext& context,
                         const v1::StreamLogsRequest& request,
                         JobClient& client) {
  ASSIGN_OR_RETURN(const std::string note, UntimedNote(request, client));
  if (!note.empty() && !context.console.quiet) {
    context.console.err << note << "\n" << std::flush;
  }
  return client.Logs(request, [&](const v1::StreamLogsResponse& lines) {
    context.console.out << (context.console.json ? ToJsonLine(lines) + "\n"
                                                 : lines.data())
                        << std::flush;
  });
}

absl::Status PrintLogs(const CommandContext& context, const LogFlags& flags,
                       v1::StreamLogsRequest request, JobClient& client) {
  if (flags.rank == "all" && !flags.prepare) {
    ASSIGN_OR_RETURN(const int ranks, RanksOf(flags, client));
    return PrintRankLogs(context, request, ranks, client);
  }
  if (flags.rank != "all") {
    ASSIGN_OR_RETURN(const int rank, ParseRank(flags.rank));
    request.set_rank(rank);
  }
  return PrintOneLog(context, request, client);
}

ExitStatus Logs(const CommandContext& context, const LogFlags& flags,
                JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  v1::StreamLogsRequest request;
  request.set_name(JobName(id));
  request.set_attempt(flags.attempt);
  request.set_tail_lines(flags.tail);
  request.set_prepare(flags.prepare);
  request.set_follow(flags.follow);
  if (!flags.since.empty()) {
    const absl::StatusOr<absl::Time> since =
        ParseSince(flags.since, absl::Now());
    if (!since.ok()) return context.Report(since.status());
    *request.mutable_since() =
        google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
            absl::ToUnixNanos(*since));
  }
  InterruptHandler interrupt([&] { client.Interrupt(); });
  const absl::Status status = PrintLogs(context, flags, request, client);
  if (interrupt.interrupted()) return ExitStatus::kInterrupted;
  return status.ok() ? ExitStatus::kSuccess : context.ReportForJob(status, id);
}

}  // namespace

void AddLogsCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("logs", "Print the log of a rank, or of all");
  auto flags = std::make_shared<LogFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_flag("-f,--follow", flags->follow, "Stay until the job ends");
  command->add_option("--rank", flags->rank, "Which rank, or all [0]");
  command->add_option("--attempt", flags->attempt, "Which attempt [newest]")
      ->check(CLI::PositiveNumber);
  command->add_flag("--prepare", flags->prepare, "The log of prepare instead");
  command->add_option("--since", flags->since,
                      "Only lines that are not older, as in 10m or "
                      "2026-01-31T12:00:00Z");
  command->add_option("--tail", flags->tail, "Only the last N lines of each")
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
