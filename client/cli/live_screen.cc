#include "client/cli/live_screen.h"

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"

namespace lockstep::cli {
namespace {

absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

absl::Duration DrawPace::Wait(absl::Duration now) const {
  return std::max(absl::ZeroDuration(), last_ + kEvery - now);
}

void RunLiveScreen(Terminal& terminal,
                   const std::function<bool(const std::vector<Key>&)>& go_on,
                   const std::function<void(Frame&)>& draw) {
  DrawPace pace;
  std::vector<Key> keys;
  while (go_on(keys)) {
    absl::Duration wait = pace.Wait(Now());
    if (wait == absl::ZeroDuration()) {
      Frame frame = terminal.BlankFrame();
      draw(frame);
      if (terminal.Show(frame)) pace.Drawn(Now());
      // Till then a changed size or age may go unseen.
      wait = DrawPace::kEvery;
    }
    keys = terminal.ReadKeys(wait);
  }
}

}  // namespace lockstep::cli
