#include "client/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"

namespace lockstep::cli {
namespace {

constexpr absl::Duration kRedrawEvery = absl::Milliseconds(100);
constexpr absl::Duration kLineEvery = absl::Seconds(30);
constexpr int kMinBar = 6;
constexpr int kMaxBar = 30;

}  // namespace

std::string FormatBar(double share, int cells, bool unicode) {
  const char* const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int filled = static_cast<int>(std::floor(share * cells * 8));
  std::string bar;
  for (int i = 0; i < cells; ++i) {
    const int part = std::clamp(filled - 8 * i, 0, 8);
    if (unicode) {
      bar += part == 8 ? "█" : eighths[part];
    } else {
      bar += part >= 4 ? "#" : " ";
    }
  }
  return unicode ? absl::StrCat("▕", bar, "▏") : absl::StrCat("[", bar, "]");
}

std::string FormatProgress(const TrainingProgress& progress,
                           std::optional<absl::Duration> eta,
                           const ProgressStyle& style) {
  const bool planned = progress.steps > 0;
  const double share =
      planned ? std::min(1.0, static_cast<double>(progress.step) /
                                  static_cast<double>(progress.steps))
              : 0;
  std::string head = absl::StrCat("step ", progress.step);
  if (planned) absl::StrAppend(&head, "/", progress.steps);
  std::string tail;
  if (planned) absl::StrAppend(&tail, " ", static_cast<int>(share * 100), "%");
  absl::StrAppend(&tail, " loss ", FormatLoss(progress.loss), " lr ",
                  FormatLearningRate(progress.learning_rate), " ",
                  FormatCount(progress.tokens_per_second), " tok/s");
  if (progress.mfu > 0) {
    absl::StrAppend(&tail, " mfu ", FormatPercent(progress.mfu));
  }
  if (eta.has_value()) {
    absl::StrAppend(&tail, " eta ", FormatShortDuration(*eta));
  }
  // A space and two edges around the bar; the last column stays free.
  const int room =
      style.width - static_cast<int>(head.size() + tail.size()) - 4;
  if (!style.redraw || !planned || room < kMinBar) return head + tail;
  return absl::StrCat(head, " ",
                      FormatBar(share, std::min(room, kMaxBar), style.unicode),
                      tail);
}

ProgressDisplay::ProgressDisplay(std::ostream& err, const ProgressStyle& style,
                                 std::function<absl::Time()> now)
    : style_(style), now_(std::move(now)), err_(err) {}

std::optional<absl::Duration> ProgressDisplay::Eta(absl::Time now) const {
  const int64_t done = newest_->step - base_step_;
  if (newest_->steps <= 0 || done <= 0) return std::nullopt;
  return (now - base_time_) *
         (static_cast<double>(newest_->steps - newest_->step) /
          static_cast<double>(done));
}

void ProgressDisplay::Show(absl::Time now) {
  const std::string line = FormatProgress(*newest_, Eta(now), style_);
  if (style_.redraw) {
    err_ << "\r" << line << "\x1b[K" << std::flush;
    drawn_ = true;
  } else {
    err_ << line << "\n" << std::flush;
  }
  shown_ = now;
  pending_ = false;
}

void ProgressDisplay::Phase(absl::string_view line) {
  absl::MutexLock lock(&mu_);
  if (line == phase_) return;
  phase_ = std::string(line);
  if (drawn_) err_ << "\r\x1b[K";
  drawn_ = false;
  err_ << line << "\n" << std::flush;
}

void ProgressDisplay::Update(const TrainingProgress& progress) {
  absl::MutexLock lock(&mu_);
  const absl::Time now = now_();
  // A new attempt may begin at an earlier step.
  if (!newest_.has_value() || progress.step < newest_->step) {
    base_step_ = progress.step;
    base_time_ = now;
  }
  newest_ = progress;
  pending_ = true;
  const absl::Duration every = style_.redraw ? kRedrawEvery : kLineEvery;
  if (now - shown_ >= every) Show(now);
}

void ProgressDisplay::Finish() {
  absl::MutexLock lock(&mu_);
  if (pending_) Show(now_());
  if (drawn_) err_ << "\n" << std::flush;
  drawn_ = false;
}

}  // namespace lockstep::cli
