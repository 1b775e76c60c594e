#include "client/cli/progress_reader.h"

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lockstep::cli {
namespace {

// How long the metrics of an ended job may take to arrive.
constexpr absl::Duration kLastMetrics = absl::Seconds(5);

}  // namespace

ProgressReader::ProgressReader(JobClient client, std::string id,
                               ProgressDisplay& display)
    : client_(std::move(client)),
      id_(std::move(id)),
      display_(display),
      thread_([this] { Read(); }) {}

ProgressReader::~ProgressReader() {
  if (!done_.WaitForNotificationWithTimeout(kLastMetrics)) client_.Interrupt();
  thread_.join();
}

void ProgressReader::Read() {
  (void)client_.Metrics(
      id_, /*follow=*/true, [&](const v1::MetricPoint& point) {
        const auto value = [&](const char* name) {
          const auto found = point.values().find(name);
          return found == point.values().end() ? 0.0 : found->second;
        };
        if (point.values().count("loss") == 0) return;
        display_.Update({.step = point.step(),
                         .steps = steps_,
                         .loss = value("loss"),
                         .learning_rate = value("learning_rate"),
                         .tokens_per_second = value("tokens_per_second"),
                         .mfu = value("mfu")});
      });
  done_.Notify();
}

absl::Status WatchWithProgress(const CommandContext& context, JobClient& client,
                               const std::string& id, const WatchJob& watch) {
  ProgressDisplay display(context.console.err, context.console.style,
                          [] { return absl::Now(); });
  absl::Status status;
  {
    ProgressReader metrics(client, id, display);
    status = watch(display, metrics);
    // Without an end there is nothing to wait for.
    if (!status.ok()) client.Interrupt();
  }
  display.Finish();
  return status;
}

}  // namespace lockstep::cli
