#include "worker/io/timed_lines.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/log_time.h"

namespace lockstep {

TimedLines::TimedLines(std::ostream& stream, std::function<absl::Time()> now)
    : stream_(stream), target_(stream.rdbuf()), now_(std::move(now)) {
  stream_.rdbuf(this);
}

TimedLines::~TimedLines() {
  {
    absl::MutexLock lock(&mu_);
    Pass();
  }
  stream_.rdbuf(target_);
}

void TimedLines::Add(char character) {
  if (!within_line_) {
    absl::StrAppend(&text_, FormatLogTime(now_()));
    within_line_ = true;
  }
  text_.push_back(character);
  if (character != '\n') return;
  within_line_ = false;
  Pass();
}

bool TimedLines::Pass() {
  const std::string text = std::exchange(text_, "");
  const auto size = static_cast<std::streamsize>(text.size());
  return target_->sputn(text.data(), size) == size;
}

int TimedLines::overflow(int character) {
  if (character != traits_type::eof()) {
    absl::MutexLock lock(&mu_);
    Add(traits_type::to_char_type(character));
  }
  return traits_type::not_eof(character);
}

std::streamsize TimedLines::xsputn(const char* text, std::streamsize size) {
  absl::MutexLock lock(&mu_);
  for (std::streamsize i = 0; i < size; ++i) Add(text[i]);
  return size;
}

// std::cerr asks for it after each piece of a line.
int TimedLines::sync() { return target_->pubsync(); }

}  // namespace lockstep
