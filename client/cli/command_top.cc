#include "client/cli/command_top.h"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/interrupt.h"
#include "client/cli/live_screen.h"
#include "client/cli/open_terminal.h"
#include "client/cli/terminal.h"
#include "client/cli/top_feed.h"
#include "client/cli/top_state.h"
#include "client/cli/top_view.h"

namespace lockstep::cli {
namespace {

constexpr int kOnceWidth = 100;

struct TopFlags {
  std::string id;
  std::string interval = "2s";
  bool once = false;
};

TopStyle StyleOf(const CommandContext& context, bool keys) {
  return {.unicode = context.console.style.unicode, .keys = keys};
}

ExitStatus ShowOnce(const CommandContext& context, const TopFlags& flags,
                    JobClient& client) {
  absl::StatusOr<TopNews> news = FetchTopNews(client);
  if (!news.ok()) return context.Report(news.status());
  TopState state(JobIdOf(flags.id), TopPane::kNone);
  state.OnNews(*std::move(news));
  const TopStyle style = StyleOf(context, /*keys=*/false);
  Frame frame(kOnceWidth, TopRows(state, kOnceWidth, style));
  DrawTop(state, {}, absl::Now(), style, frame);
  context.console.out << frame.Text();
  return ExitStatus::kSuccess;
}

// Lets the news and what the user typed into the state; false when it is over.
bool Update(const std::vector<Key>& keys, TopFeed& feed, TopState& state) {
  for (const Key& key : keys) {
    const std::optional<TopRequest> request = state.OnKey(key);
    if (!request.has_value()) continue;
    if (request->kind == TopRequest::kQuit) return false;
    feed.Ask(*request);
  }
  if (auto news = feed.TakeNews()) state.OnNews(*std::move(news));
  if (auto message = feed.TakeMessage()) state.SetMessage(*std::move(message));
  feed.Look(state.selected(), state.pane());
  return true;
}

ExitStatus Show(const CommandContext& context, const TopFlags& flags,
                absl::Duration interval, JobClient& client) {
  std::atomic<bool> over{false};
  OpenTerminal open;
  const InterruptHandler interrupt([&] {
    over = true;
    open.Restore();
  });
  absl::StatusOr<std::unique_ptr<Terminal>> terminal = Terminal::Open();
  if (!terminal.ok()) {
    return ReportError(context.console, ExitStatus::kUsage,
                       terminal.status().message(),
                       "lockstep top --once prints the table");
  }
  open.Set(terminal->get());
  const absl::Cleanup closed = [&] { open.Set(nullptr); };
  TopState state(JobIdOf(flags.id));
  TopFeed feed(client, interval, [&] { (*terminal)->Wake(); });
  RunLiveScreen(
      **terminal,
      [&](const std::vector<Key>& keys) {
        return !over && Update(keys, feed, state);
      },
      [&](Frame& frame) {
        DrawTop(state, feed.Details(), absl::Now(), StyleOf(context, true),
                frame);
      });
  return over ? ExitStatus::kInterrupted : ExitStatus::kSuccess;
}

ExitStatus Top(const CommandContext& context, const TopFlags& flags,
               JobClient& client) {
  absl::Duration interval;
  if (!absl::ParseDuration(flags.interval, &interval) ||
      interval < DrawPace::kEvery) {
    return ReportError(
        context.console, ExitStatus::kUsage,
        "--interval " + flags.interval + ": must be a time of 250ms or more",
        "e.g. 2s");
  }
  if (context.console.json) {
    return ReportError(context.console, ExitStatus::kUsage,
                       "top draws for people and has no json",
                       "lockstep jobs list -o json");
  }
  if (flags.once) return ShowOnce(context, flags, client);
  return Show(context, flags, interval, client);
}

}  // namespace

void AddTopCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("top", "Show jobs and devices, kept fresh");
  auto flags = std::make_shared<TopFlags>();
  command->add_option("NAME", flags->id, "The job to begin at");
  command->add_option("--interval", flags->interval,
                      "Time between two looks [2s]");
  command->add_flag("--once", flags->once, "Print the table, and that is it");
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Top(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
