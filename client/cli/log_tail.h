#ifndef LOCKSTEP_CLIENT_CLI_LOG_TAIL_H_
#define LOCKSTEP_CLIENT_CLI_LOG_TAIL_H_

// The newest lines of a log that comes in pieces, and of each its first bytes:
// what a screen may show of it, however long log and lines are.

#include <cstddef>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::cli {

class LogTail {
 public:
  LogTail(size_t most_lines, size_t most_bytes)
      : most_lines_(most_lines), most_bytes_(most_bytes) {}

  // A piece may end in a line, which the next one goes on with.
  void Add(absl::string_view piece);

  // Without their newlines, the oldest first.
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  size_t most_lines_;
  size_t most_bytes_;  // Of a line.
  std::deque<std::string> lines_;
  bool is_open_ = false;  // The last line has no end yet.
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_LOG_TAIL_H_
