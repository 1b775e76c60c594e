#ifndef LOCKSTEP_SERVER_SERVICE_LOG_FILE_H_
#define LOCKSTEP_SERVER_SERVICE_LOG_FILE_H_

// A log that a process is writing, read in whole lines. Opened for each read,
// so that a watcher holds no file. A log that grew too large has a hole in its
// middle (worker/supervise/log_cap.h), which is read as a line that says so.

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lockstep {

class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  // NOT_FOUND when there is no such file (yet).
  absl::StatusOr<int64_t> Size() const;

  struct Lines {
    std::string text;
    // Where to read on.
    int64_t end = 0;
  };
  // Whole lines from `offset`, at most `max_bytes`; a longer line comes in
  // pieces. With `ended`, also a last line without its newline. Empty when
  // there is nothing (yet).
  absl::StatusOr<Lines> ReadLines(int64_t offset, int64_t max_bytes,
                                  bool ended) const;

  // Where the last `lines` lines begin.
  absl::StatusOr<int64_t> TailOffset(int lines) const;

  // Where the first line begins that has a time (worker/io/timed_lines.h) and
  // is not older than `since`; the end when there is none. Times only grow.
  absl::StatusOr<int64_t> SinceOffset(absl::Time since) const;

 private:
  struct TimedLine {
    int64_t offset = 0;
    absl::Time time;
  };

  // The first line with a time that begins in [from, end); at `end` when there
  // is none.
  absl::StatusOr<TimedLine> NextTimedLine(int fd, int64_t from,
                                          int64_t end) const;
  // As SinceOffset, among the lines that begin in [begin, end).
  absl::StatusOr<int64_t> FirstSince(int fd, int64_t begin, int64_t end,
                                     absl::Time since) const;

  std::string path_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_LOG_FILE_H_
