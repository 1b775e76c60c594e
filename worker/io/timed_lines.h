#ifndef LOCKSTEP_WORKER_IO_TIMED_LINES_H_
#define LOCKSTEP_WORKER_IO_TIMED_LINES_H_

// Gives each line that a stream is given the time at its beginning
// (proto/contract/log_time.h).
//
// What others write past the stream, as NCCL does, has none. A line goes out
// when it is whole, flushed or not, and the last one when this ends.
//
// Thread-safe, as the standard streams are.

#include <functional>
#include <ostream>
#include <streambuf>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lockstep {

class TimedLines : public std::streambuf {
 public:
  // From now on, for as long as this lives, `stream` is written through it.
  explicit TimedLines(std::ostream& stream,
                      std::function<absl::Time()> now = absl::Now);
  ~TimedLines() override;
  TimedLines(const TimedLines&) = delete;
  TimedLines& operator=(const TimedLines&) = delete;

 protected:
  int overflow(int character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  void Add(char character) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Writes what is there.
  bool Pass() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::ostream& stream_;
  std::streambuf* const target_;
  const std::function<absl::Time()> now_;

  absl::Mutex mu_;
  // Not written yet.
  std::string text_ ABSL_GUARDED_BY(mu_);
  bool within_line_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_TIMED_LINES_H_
