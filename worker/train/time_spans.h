#ifndef LOCKSTEP_WORKER_TRAIN_TIME_SPANS_H_
#define LOCKSTEP_WORKER_TRAIN_TIME_SPANS_H_

// Where the time of one rank goes: an unbroken row of spans, each of one kind.
// On the CPU a span is what this thread did. On a GPU it is what the GPU did,
// between two events on its stream, so that work which is only asked for here
// and done later counts where it is done; the GPU is never waited for. A GPU
// that stands still because the host is late shows that in the kind that it
// waits for.
//
// Used by the trainer's thread.

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

// Spans that one entry of the log carries at the most.
inline constexpr size_t kMostSpans = 1000;

struct TakenSpans {
  // What start_us of the spans counts from.
  absl::Time begin;
  // In the order in which they began; of more than kMostSpans the newest.
  std::vector<v1::Span> spans;
  // By kind, of all of them.
  std::map<v1::Span::Kind, double> seconds;
};

class TimeSpans {
 public:
  explicit TimeSpans(c10::Device device) : device_(device) {}
  TimeSpans(const TimeSpans&) = delete;
  TimeSpans& operator=(const TimeSpans&) = delete;

  // What has gone on until here ends, and `kind` of optimizer step `step`,
  // counted from 1, begins.
  void Begin(v1::Span::Kind kind, int64_t step);
  // What has gone on until here ends, and nothing of interest follows.
  void End() { Begin(v1::Span::KIND_UNSPECIFIED, 0); }

  // All spans that have ended since the last time; those that the GPU has not
  // come to the end of are left to the next time.
  TakenSpans Take();

 private:
  struct Mark {
    v1::Span::Kind kind = v1::Span::KIND_UNSPECIFIED;
    int64_t step = 0;
    // When the host came here, by the steady clock.
    absl::Duration host;
    // When the GPU does; none on the CPU.
    std::optional<c10::Event> event;
  };

  // Turns the marks that are passed into spans.
  void Settle();
  // When they were passed, by the steady clock: the first `count` of marks_.
  std::vector<absl::Duration> TimesOf(size_t count) const;
  size_t Passed() const;
  c10::Event NewEvent();

  const c10::Device device_;
  // The last one begins what still goes on.
  std::deque<Mark> marks_;
  // Marks since the last time that they were turned into spans.
  size_t unsettled_ = 0;
  // To be used again.
  std::vector<c10::Event> spare_;
  // Begin, by the steady clock, and span without it.
  std::deque<std::pair<absl::Duration, v1::Span>> settled_;
  std::map<v1::Span::Kind, double> seconds_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_TIME_SPANS_H_
