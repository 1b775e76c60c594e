#ifndef LOCKSTEP_CLIENT_CLI_LIVE_SCREEN_H_
#define LOCKSTEP_CLIENT_CLI_LIVE_SCREEN_H_

// The loop of a command that fills the terminal: keys are taken at once, and
// at most four pictures a second are drawn, as more nobody sees.

#include <functional>
#include <vector>

#include "client/cli/frame.h"
#include "client/cli/terminal.h"

namespace lockstep::cli {

// When the next picture may be drawn. Times are of a clock that only grows.
class DrawPace {
 public:
  static constexpr absl::Duration kEvery = absl::Milliseconds(250);

  // Zero when it may be drawn now.
  absl::Duration Wait(absl::Duration now) const;
  void Drawn(absl::Duration now) { last_ = now; }

 private:
  absl::Duration last_ = -absl::InfiniteDuration();
};

// Until `go_on` says no. It gets the keys, none when it is called because of
// Terminal::Wake or because time has passed (no more than DrawPace::kEvery).
void RunLiveScreen(Terminal& terminal,
                   const std::function<bool(const std::vector<Key>&)>& go_on,
                   const std::function<void(Frame&)>& draw);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_LIVE_SCREEN_H_
