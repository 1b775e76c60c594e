#include "client/cli/command_plot.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/metric_curves.h"
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
  MetricCurves curves;
  const absl::Status status = client.Metrics(
      id, /*follow=*/false,
      [&curves](const v1::MetricPoint& point) { curves.Add(point); });
  if (!status.ok()) return context.ReportForJob(status, id);
  const std::vector<PlotPoint> points = curves.Curve(flags.key);
  if (points.empty()) {
    const std::string keys = absl::StrJoin(curves.Keys(), ", ");
    return ReportError(
        context.console, ExitStatus::kFailed,
        absl::StrCat("job/", id, " has no points of \"", flags.key, "\""),
        keys.empty() ? "" : "it has " + keys);
  }
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
