#include "client/cli/command_plot.h"

#include <map>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/plot.h"

namespace lockstep::cli {
namespace {

struct PlotFlags {
  std::string id;
  std::string key = "loss";
  PlotOptions options;
};

ExitStatus Plot(const CommandContext& context, const PlotFlags& flags,
                JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  // A later attempt repeats steps of an earlier one: the last word counts.
  std::map<int64_t, double> by_step;
  std::set<std::string> keys;
  const absl::Status status =
      client.Metrics(id, /*follow=*/false, [&](const v1::MetricPoint& point) {
        for (const auto& [key, value] : point.values()) {
          keys.insert(key);
          if (key == flags.key) by_step[point.step()] = value;
        }
      });
  if (!status.ok()) return context.ReportForJob(status, id);
  if (by_step.empty()) {
    return ReportError(
        context.console, ExitStatus::kFailed,
        absl::StrCat("job/", id, " has no points of \"", flags.key, "\""),
        keys.empty() ? "" : absl::StrCat("it has ", absl::StrJoin(keys, ", ")));
  }
  std::vector<PlotPoint> points;
  points.reserve(by_step.size());
  for (const auto& [step, value] : by_step) points.push_back({step, value});
  PlotOptions options = flags.options;
  options.title = absl::StrCat(id, ": ", flags.key, " by step");
  context.console.out << RenderPlot(points, options);
  return ExitStatus::kSuccess;
}

}  // namespace

void AddPlotCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("plot", "Draw a metric by step");
  auto flags = std::make_shared<PlotFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_option("--key", flags->key, "Which metric [loss]");
  command->add_option("--width", flags->options.width, "Columns [72]")
      ->check(CLI::Range(20, 400));
  command->add_option("--height", flags->options.height, "Lines [16]")
      ->check(CLI::Range(3, 100));
  command->add_flag("--ascii", flags->options.ascii,
                    "Draw with ASCII characters");
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Plot(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
