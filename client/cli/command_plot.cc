#include "client/cli/command_plot.h"

#include <unistd.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/curve_feed.h"
#include "client/cli/interrupt.h"
#include "client/cli/live_screen.h"
#include "client/cli/nearest.h"
#include "client/cli/open_terminal.h"
#include "client/cli/plot.h"
#include "client/cli/terminal.h"

namespace lockstep::cli {
namespace {

// Each has a letter, and a screen has its limits.
constexpr size_t kMostCurves = 12;

struct PlotFlags {
  std::vector<std::string> names;
  std::vector<std::string> keys = {"loss"};
  bool follow = false;
  PlotOptions options;
};

// All keys of the first job, then of the second, ...
std::vector<PlotCurve> CurvesOf(const CurveFeed& feed,
                                const std::vector<std::string>& ids,
                                const std::vector<std::string>& keys) {
  std::vector<PlotCurve> curves;
  for (size_t job = 0; job < ids.size(); ++job) {
    for (const std::string& key : keys) {
      std::string name = ids.size() == 1   ? key
                         : keys.size() > 1 ? absl::StrCat(ids[job], " ", key)
                                           : ids[job];
      curves.push_back({std::move(name), feed.Curve(job, key)});
    }
  }
  return curves;
}

std::string TitleOf(const std::vector<std::string>& ids,
                    const PlotFlags& flags) {
  std::string title =
      absl::StrCat(ids.size() == 1 ? absl::StrCat(ids[0], ": ") : "",
                   flags.keys.size() == 1 || ids.size() > 1
                       ? absl::StrJoin(flags.keys, ", ")
                       : absl::StrCat(flags.keys.size(), " metrics"),
                   " by step");
  if (flags.options.smoothing > 0) {
    absl::StrAppend(&title, ", smoothed by ", flags.options.smoothing);
  }
  return title;
}

// What keeps the picture from being drawn, if anything does.
ExitStatus Check(const CommandContext& context, const CurveFeed& feed,
                 const std::vector<std::string>& ids, const PlotFlags& flags) {
  // When one cannot be read, the others need not have been.
  for (size_t job = 0; job < ids.size(); ++job) {
    const absl::Status status = feed.StatusOf(job);
    if (!status.ok()) return context.ReportForJob(status, ids[job]);
  }
  for (size_t job = 0; job < ids.size(); ++job) {
    const std::vector<std::string> there = feed.Keys(job);
    for (const std::string& key : flags.keys) {
      if (!feed.Curve(job, key).empty()) continue;
      const std::string nearest = NearestWord(key, there);
      return ReportError(
          context.console, ExitStatus::kFailed,
          absl::StrCat("job/", ids[job], " has no points of \"", key, "\""),
          !nearest.empty() ? absl::StrCat("did you mean ", nearest, "?")
          : there.empty()  ? ""
                           : "it has " + absl::StrJoin(there, ", "));
    }
  }
  return ExitStatus::kSuccess;
}

ExitStatus Print(const CommandContext& context, const CurveFeed& feed,
                 const std::vector<std::string>& ids, const PlotFlags& flags) {
  const ExitStatus checked = Check(context, feed, ids, flags);
  if (checked != ExitStatus::kSuccess) return checked;
  PlotOptions options = flags.options;
  options.title = TitleOf(ids, flags);
  options.color = context.console.color;
  context.console.out << RenderPlot(CurvesOf(feed, ids, flags.keys), options);
  return ExitStatus::kSuccess;
}

// The newest picture, as large as the terminal.
void DrawScreen(const CommandContext& context, const CurveFeed& feed,
                const std::vector<std::string>& ids, const PlotFlags& flags,
                Frame& frame) {
  const std::vector<PlotCurve> curves = CurvesOf(feed, ids, flags.keys);
  PlotOptions options = flags.options;
  options.title = TitleOf(ids, flags);
  options.color = context.console.color;
  options.width = frame.width();
  // Title, steps, legend, a note, keys.
  options.height =
      frame.height() - 4 -
      (curves.size() > 1 ? 1 + static_cast<int>(curves.size()) / 2 : 0);
  const PlotPicture picture = DrawPlot(curves, options);
  frame.Paste(0, picture.frame);
  int row = picture.frame.height();
  for (const std::string& note : picture.notes) frame.Write(row++, 0, note);
  frame.WriteLine(frame.height() - 1, "q quit");
}

// Whether the user has had enough.
bool WantsToQuit(const std::vector<Key>& keys, bool* interrupted) {
  for (const Key& key : keys) {
    *interrupted = *interrupted || key.kind == Key::kInterrupt;
    if (*interrupted || key.character == 'q') return true;
  }
  return false;
}

// Draws until all jobs have ended or the user leaves; false for Ctrl-C.
bool ShowLive(const CommandContext& context, const CurveFeed& feed,
              const std::vector<std::string>& ids, const PlotFlags& flags,
              const std::atomic<bool>& over, Terminal& terminal) {
  bool interrupted = false;
  RunLiveScreen(
      terminal,
      [&](const std::vector<Key>& keys) {
        return !over && !feed.HasEnded() && !WantsToQuit(keys, &interrupted);
      },
      [&](Frame& frame) { DrawScreen(context, feed, ids, flags, frame); });
  return !over && !interrupted;
}

ExitStatus Follow(const CommandContext& context,
                  const std::vector<std::string>& ids, const PlotFlags& flags,
                  JobClient& client) {
  std::atomic<bool> over{false};
  OpenTerminal open;
  const InterruptHandler interrupt([&] {
    over = true;
    open.Restore();
    client.Interrupt();
  });
  // Somebody who reads a file wants one picture: the last.
  if (isatty(STDOUT_FILENO) == 0) {
    CurveFeed feed(client, ids, /*follow=*/true, [] {});
    feed.AwaitEnd();
    return over ? ExitStatus::kInterrupted : Print(context, feed, ids, flags);
  }
  absl::StatusOr<std::unique_ptr<Terminal>> terminal = Terminal::Open();
  if (!terminal.ok()) {
    return ReportError(context.console, ExitStatus::kUsage,
                       terminal.status().message());
  }
  open.Set(terminal->get());
  const absl::Cleanup closed = [&] { open.Set(nullptr); };
  CurveFeed feed(client, ids, /*follow=*/true,
                 [&terminal] { (*terminal)->Wake(); });
  const bool stayed = ShowLive(context, feed, ids, flags, over, **terminal);
  (*terminal)->Restore();
  return stayed ? Print(context, feed, ids, flags) : ExitStatus::kInterrupted;
}

ExitStatus Plot(const CommandContext& context, const PlotFlags& flags,
                JobClient& client) {
  if (context.console.json) {
    return ReportError(context.console, ExitStatus::kUsage,
                       "plot draws for people and has no json",
                       "lockstep metrics NAME -o json");
  }
  std::vector<std::string> ids;
  for (const std::string& name : flags.names) ids.push_back(JobIdOf(name));
  if (ids.size() * flags.keys.size() > kMostCurves) {
    return ReportError(
        context.console, ExitStatus::kUsage,
        absl::StrCat(ids.size(), " jobs with ", flags.keys.size(),
                     " metrics are more than ", kMostCurves, " curves"));
  }
  if (flags.follow) return Follow(context, ids, flags, client);
  CurveFeed feed(client, ids, /*follow=*/false, [] {});
  feed.AwaitEnd();
  return Print(context, feed, ids, flags);
}

}  // namespace

void AddPlotCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("plot", "Draw metrics by step, of one job or several");
  auto flags = std::make_shared<PlotFlags>();
  command->add_option("NAME", flags->names, "The job, or several: A,B or A B")
      ->required()
      ->delimiter(',');
  command
      ->add_option("--key", flags->keys,
                   "Which metrics, as in --key loss,eval_loss [loss]")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--smooth", flags->options.smoothing,
                   "Weight of a moving average, as TensorBoard's: 0 to 0.999")
      ->check(CLI::Range(0.0, 0.999));
  command->add_flag("--log-y", flags->options.log_y,
                    "A logarithmic axis of values");
  command->add_flag("-f,--follow", flags->follow,
                    "Draw anew as points come, until the jobs end");
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
