#include "client/cli/log_tail.h"

#include "absl/strings/str_cat.h"

namespace lockstep::cli {

void LogTail::Add(absl::string_view piece) {
  while (!piece.empty()) {
    if (!is_open_) lines_.emplace_back();
    const size_t end = piece.find('\n');
    is_open_ = end == absl::string_view::npos;
    const absl::string_view text = piece.substr(0, end);
    std::string& line = lines_.back();
    absl::StrAppend(&line, text.substr(0, most_bytes_ - line.size()));
    if (lines_.size() > most_lines_) lines_.pop_front();
    piece.remove_prefix(is_open_ ? piece.size() : end + 1);
  }
}

}  // namespace lockstep::cli
