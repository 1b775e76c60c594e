#include "client/cli/command_watch.h"

#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/follow.h"
#include "client/cli/interrupt.h"
#include "client/cli/json.h"
#include "client/cli/progress_reader.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {
namespace {

// "15:04:05 qwen RUNNING the first step was reported".
std::string Line(const v1::WatchJobsResponse& change) {
  const v1::Job& job = change.job();
  const auto& time =
      change.has_event() ? change.event().time() : job.update_time();
  return absl::StrCat(
      absl::FormatTime("%H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                       absl::LocalTimeZone()),
      " ", JobIdOf(job.name()), " ",
      change.type() == v1::WatchJobsResponse::DELETED ? "DELETED"
                                                      : StateName(job.state()),
      " ", change.has_event() ? change.event().message() : PhaseLine(job));
}

using ShowChange = std::function<void(const v1::WatchJobsResponse&)>;

absl::Status WatchShowing(JobClient& client, const std::string& id,
                          const ShowChange& show) {
  return client.Watch(id, [&](const v1::WatchJobsResponse& change) {
    if (!change.has_job()) return true;
    show(change);
    return id.empty() || !IsTerminal(change.job().state());
  });
}

// Below the lines, how far training is.
absl::Status WatchWithBar(const CommandContext& context, JobClient& client,
                          const std::string& id) {
  return WatchWithProgress(
      context, client, id,
      [&](ProgressDisplay& display, ProgressReader& metrics) {
        return WatchShowing(client, id,
                            [&](const v1::WatchJobsResponse& change) {
                              metrics.SetSteps(change.job().plan().steps());
                              display.Phase(Line(change));
                            });
      });
}

ExitStatus Watch(const CommandContext& context, const std::string& id,
                 JobClient& client) {
  const Console& console = context.console;
  InterruptHandler interrupt([&] { client.Interrupt(); });
  const bool on_a_screen = console.style.redraw && console.room.width > 0;
  const absl::Status status =
      on_a_screen && !id.empty() && !console.json && !console.quiet
          ? WatchWithBar(context, client, id)
          : WatchShowing(client, id, [&](const v1::WatchJobsResponse& change) {
              console.out << (console.json ? ToJsonLine(change) : Line(change))
                          << "\n"
                          << std::flush;
            });
  if (interrupt.interrupted()) return ExitStatus::kInterrupted;
  return status.ok() ? ExitStatus::kSuccess : context.ReportForJob(status, id);
}

}  // namespace

void AddWatchCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("watch", "Show every change of a job, or of all");
  auto id = std::make_shared<std::string>();
  command->add_option("NAME", *id, "The job; all when left out");
  command->callback([&context, id] {
    context.run = [&context, id] {
      return WithClient(context, [&](JobClient& client) {
        return Watch(context, JobIdOf(*id), client);
      });
    };
  });
}

}  // namespace lockstep::cli
