#include "worker/train/time_spans.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"

namespace lockstep {
namespace {

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

c10::Event TimeSpans::NewEvent() {
  if (spare_.empty()) {
    // Not PYTORCH_DEFAULT, which keeps no time.
    return {device_.type(), c10::EventFlag::BACKEND_DEFAULT};
  }
  c10::Event event = std::move(spare_.back());
  spare_.pop_back();
  return event;
}

void TimeSpans::Begin(v1::Span::Kind kind, int64_t step) {
  Mark mark{.kind = kind, .step = step, .host = SteadyNow(), .event = {}};
  if (!device_.is_cpu()) {
    mark.event.emplace(NewEvent());
    mark.event->record(
        c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  marks_.push_back(std::move(mark));
  // However rare entries of the log are, marks do not pile up.
  if (++unsettled_ >= kMostSpans) Settle();
}

size_t TimeSpans::Passed() const {
  if (device_.is_cpu()) return marks_.size();
  size_t count = 0;
  while (count < marks_.size() && marks_[count].event->query()) ++count;
  return count;
}

std::vector<absl::Duration> TimeSpans::TimesOf(size_t count) const {
  std::vector<absl::Duration> times;
  for (size_t i = 0; i < count; ++i) times.push_back(marks_[i].host);
  if (device_.is_cpu()) return times;
  // The GPU passes no mark before the host has set it, and right then where it
  // had nothing left to do, as after each read-back: so the two clocks are as
  // far apart as the marks allow at the most.
  std::vector<absl::Duration> elapsed;
  absl::Duration base = -absl::InfiniteDuration();
  for (size_t i = 0; i < count; ++i) {
    elapsed.push_back(
        absl::Milliseconds(marks_[0].event->elapsedTime(*marks_[i].event)));
    base = std::max(base, times[i] - elapsed[i]);
  }
  for (size_t i = 0; i < count; ++i) times[i] = base + elapsed[i];
  return times;
}

void TimeSpans::Settle() {
  unsettled_ = 0;
  const size_t passed = Passed();
  if (passed < 2) return;
  const std::vector<absl::Duration> times = TimesOf(passed);
  for (size_t i = 0; i + 1 < passed; ++i) {
    Mark& mark = marks_.front();
    const absl::Duration took =
        std::max(times[i + 1] - times[i], absl::ZeroDuration());
    if (mark.kind != v1::Span::KIND_UNSPECIFIED) {
      seconds_[mark.kind] += absl::ToDoubleSeconds(took);
      v1::Span span;
      span.set_kind(mark.kind);
      span.set_step(mark.step);
      span.set_duration_us(absl::ToInt64Microseconds(took));
      settled_.emplace_back(times[i], std::move(span));
      if (settled_.size() > kMostSpans) settled_.pop_front();
    }
    if (mark.event.has_value()) spare_.push_back(*std::move(mark.event));
    marks_.pop_front();
  }
}

TakenSpans TimeSpans::Take() {
  Settle();
  TakenSpans taken;
  taken.seconds = std::exchange(seconds_, {});
  if (settled_.empty()) return taken;
  const absl::Duration begin = settled_.front().first;
  taken.begin = absl::Now() - (SteadyNow() - begin);
  for (auto& [start, span] : settled_) {
    span.set_start_us(absl::ToInt64Microseconds(start - begin));
    taken.spans.push_back(std::move(span));
  }
  settled_.clear();
  return taken;
}

}  // namespace lockstep
