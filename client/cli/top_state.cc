#include "client/cli/top_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/command_context.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {
namespace {

auto Age(const v1::Job& job) {
  return std::make_pair(-job.create_time().seconds(),
                        -job.create_time().nanos());
}

// The newest first among equals.
bool ActiveFirst(const v1::Job& a, const v1::Job& b) {
  return std::make_pair(IsTerminal(a.state()), Age(a)) <
         std::make_pair(IsTerminal(b.state()), Age(b));
}

// Of what does not train the progress keeps the last speed.
double SpeedOf(const v1::Job& job) {
  return job.state() == v1::Job::RUNNING ? job.progress().tokens_per_second()
                                         : 0;
}

bool FastestFirst(const v1::Job& a, const v1::Job& b) {
  return std::make_pair(-SpeedOf(a), Age(a)) <
         std::make_pair(-SpeedOf(b), Age(b));
}

template <typename Enum>
Enum Next(Enum value, Enum last) {
  return value == last ? Enum{}
                       : static_cast<Enum>(static_cast<int>(value) + 1);
}

}  // namespace

size_t TopState::selected_index() const {
  const auto found = std::find_if(
      jobs().begin(), jobs().end(),
      [&](const v1::Job& job) { return JobIdOf(job.name()) == selected_; });
  return found == jobs().end() ? 0 : found - jobs().begin();
}

void TopState::Sort() {
  const auto sort = [&](auto before) {
    std::sort(news_.jobs.begin(), news_.jobs.end(), before);
  };
  switch (order_) {
    case TopOrder::kActiveFirst:
      return sort(ActiveFirst);
    case TopOrder::kName:
      return sort([](const v1::Job& a, const v1::Job& b) {
        return a.name() < b.name();
      });
    case TopOrder::kSpeed:
      return sort(FastestFirst);
  }
}

void TopState::OnNews(TopNews news) {
  if (!news.error.empty()) {
    news_.error = std::move(news.error);
    return;
  }
  const size_t place = selected_index();
  heard_ = true;
  news_ = std::move(news);
  Sort();
  const bool is_there = std::any_of(
      jobs().begin(), jobs().end(),
      [&](const v1::Job& job) { return JobIdOf(job.name()) == selected_; });
  if (is_there) return;
  // Deleted, or not there yet.
  selected_ = jobs().empty()
                  ? ""
                  : JobIdOf(jobs()[std::min(place, jobs().size() - 1)].name());
}

void TopState::SetMessage(std::string message) {
  if (to_cancel_.empty()) message_ = std::move(message);
}

void TopState::Move(int by) {
  if (jobs().empty()) return;
  const auto last = static_cast<int>(jobs().size()) - 1;
  const int index =
      std::clamp(static_cast<int>(selected_index()) + by, 0, last);
  selected_ = JobIdOf(jobs()[index].name());
}

bool TopState::SelectedIsAlive() {
  if (jobs().empty()) return false;
  if (!IsTerminal(jobs()[selected_index()].state())) return true;
  message_ = absl::StrCat("job/", selected_, " has ended");
  return false;
}

// Of what can be undone nobody is asked.
std::optional<TopRequest> TopState::PauseOrResume() {
  if (!SelectedIsAlive()) return std::nullopt;
  const bool paused = jobs()[selected_index()].desired() == v1::Job::PAUSE;
  return TopRequest{paused ? TopRequest::kResume : TopRequest::kPause,
                    selected_};
}

std::optional<TopRequest> TopState::OnCharacter(char character) {
  switch (character) {
    case 'q':
      return TopRequest{TopRequest::kQuit, ""};
    case 'k':
      Move(-1);
      break;
    case 'j':
      Move(1);
      break;
    case 'l':
      pane_ = pane_ == TopPane::kLog ? TopPane::kPlot : TopPane::kLog;
      break;
    case 's':
      order_ = Next(order_, TopOrder::kSpeed);
      Sort();
      break;
    case 'c':
      if (!SelectedIsAlive()) break;
      to_cancel_ = selected_;
      message_ =
          absl::StrCat("cancel job/", selected_, "? y, or any other key");
      break;
    case 'p':
      return PauseOrResume();
    case '?':
      help_ = !help_;
      break;
    default:
      break;
  }
  return std::nullopt;
}

std::optional<TopRequest> TopState::OnKey(const Key& key) {
  message_.clear();
  const std::string to_cancel = std::exchange(to_cancel_, "");
  if (!to_cancel.empty() && key.kind == Key::kCharacter &&
      key.character == 'y') {
    return TopRequest{TopRequest::kCancel, to_cancel};
  }
  switch (key.kind) {
    case Key::kInterrupt:
      return TopRequest{TopRequest::kQuit, ""};
    case Key::kUp:
      Move(-1);
      break;
    case Key::kDown:
      Move(1);
      break;
    case Key::kEnter:
      pane_ = pane_ == TopPane::kNone ? TopPane::kPlot : TopPane::kNone;
      break;
    case Key::kCharacter:
      if (to_cancel.empty()) return OnCharacter(key.character);
      break;
    case Key::kEscape:
      help_ = false;
      break;
  }
  return std::nullopt;
}

}  // namespace lockstep::cli
