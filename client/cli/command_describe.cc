#include "client/cli/command_describe.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "client/cli/describe_job.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr size_t kEvents = 10;
// Of the log, that say how fast ranks are.
constexpr int64_t kEntries = 10;

absl::StatusOr<std::vector<v1::MetricPoint>> NewestPoints(const v1::Job& job,
                                                          JobClient& client) {
  v1::StreamMetricsRequest request;
  request.set_name(job.name());
  const int64_t entry =
      std::max<int64_t>(job.spec().logging().logging_steps(), 1);
  request.set_first_step(
      std::max<int64_t>(job.progress().step() - kEntries * entry, 0));
  return client.Points(request);
}

absl::StatusOr<JobPicture> Look(const std::string& id, bool json,
                                JobClient& client) {
  JobPicture picture;
  ASSIGN_OR_RETURN(picture.job, client.Get(id));
  ASSIGN_OR_RETURN(picture.checkpoints, client.Checkpoints(id));
  ASSIGN_OR_RETURN(JobClient::EventList list, client.Events(id));
  const size_t shown = std::min(list.events.size(), kEvents);
  picture.events.assign(list.events.end() - static_cast<ptrdiff_t>(shown),
                        list.events.end());
  // Without them the page has one table less.
  if (!json) {
    picture.rank_points = NewestPoints(picture.job, client)
                              .value_or(std::vector<v1::MetricPoint>());
  }
  return picture;
}

ExitStatus Describe(const CommandContext& context, const std::string& id,
                    JobClient& client) {
  const absl::StatusOr<JobPicture> picture =
      Look(id, context.console.json, client);
  if (!picture.ok()) return context.ReportForJob(picture.status(), id);
  context.console.out << (context.console.json
                              ? DescribeJobAsJson(*picture)
                              : DescribeJob(*picture, absl::Now()));
  return ExitStatus::kSuccess;
}

}  // namespace

void AddDescribeCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "describe", "Show a job with its attempts, checkpoints and events");
  auto id = std::make_shared<std::string>();
  command->add_option("NAME", *id, "The job")->required();
  command->callback([&context, id] {
    context.run = [&context, id] {
      return WithClient(context, [&](JobClient& client) {
        return Describe(context, JobIdOf(*id), client);
      });
    };
  });
}

}  // namespace lockstep::cli
