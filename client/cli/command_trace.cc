#include "client/cli/command_trace.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/chrome_trace.h"
#include "client/cli/output_file.h"

namespace lockstep::cli {
namespace {

// Without --steps: enough to see what repeats.
constexpr int64_t kNewestSteps = 10;

struct TraceFlags {
  std::string id;
  std::string steps;
  std::string output;
};

absl::StatusOr<StepRange> WantedSteps(const TraceFlags& flags,
                                      const v1::Job& job) {
  if (!flags.steps.empty()) return ParseStepRange(flags.steps);
  const int64_t done = job.progress().step();
  return StepRange{std::max<int64_t>(done - kNewestSteps + 1, 1),
                   std::max<int64_t>(done, 1)};
}

// A point tells of the steps since the one before it, and of a GPU the end of a
// step comes with the next.
absl::StatusOr<std::vector<v1::MetricPoint>> PointsAbout(const v1::Job& job,
                                                         const StepRange& steps,
                                                         JobClient& client) {
  v1::StreamMetricsRequest request;
  request.set_name(job.name());
  request.set_first_step(steps.first);
  request.set_last_step(
      steps.last +
      2 * std::max<int64_t>(job.spec().logging().logging_steps(), 1));
  request.set_spans(true);
  return client.Points(request);
}

absl::Status NoSpans(const v1::Job& job, const StepRange& steps) {
  const int64_t done = job.progress().step();
  return absl::NotFoundError(absl::StrCat(
      job.name(), " has no times of steps ", steps.first, " to ", steps.last,
      "; ",
      done == 0 ? "none is done yet"
                : absl::StrCat("1 to ", done,
                               " are done, and an entry of its log "
                               "keeps the newest 1000 times")));
}

ExitStatus Trace(const CommandContext& context, const TraceFlags& flags,
                 JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  const absl::StatusOr<v1::Job> job = client.Get(id);
  if (!job.ok()) return context.ReportForJob(job.status(), id);
  const absl::StatusOr<StepRange> steps = WantedSteps(flags, *job);
  if (!steps.ok()) return context.Report(steps.status());
  const absl::StatusOr<std::vector<v1::MetricPoint>> points =
      PointsAbout(*job, *steps, client);
  if (!points.ok()) return context.ReportForJob(points.status(), id);
  const ChromeTrace trace = MakeChromeTrace(*job, *steps, *points);
  if (trace.spans == 0) return context.Report(NoSpans(*job, *steps));
  if (flags.output == "-") {
    context.console.out << trace.json;
    return ExitStatus::kSuccess;
  }
  const std::string path =
      flags.output.empty() ? id + ".trace.json" : flags.output;
  const absl::Status written = WriteOutputFile(path, trace.json);
  if (!written.ok()) return context.Report(written);
  context.console.out << path << " written: " << trace.spans
                      << " spans of steps " << steps->first << " to "
                      << steps->last << "; open it in ui.perfetto.dev\n";
  return ExitStatus::kSuccess;
}

}  // namespace

void AddTraceCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "trace", "Write what each rank did in some steps, for Perfetto");
  auto flags = std::make_shared<TraceFlags>();
  command->add_option("NAME", flags->id, "The job")->required();
  command->add_option("--steps", flags->steps,
                      "Which, as in 100-110 [the newest 10]");
  command->add_option("-o,--output", flags->output,
                      "File to write, - for standard output "
                      "[NAME.trace.json]");
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Trace(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
