#ifndef LOCKSTEP_CLIENT_CLI_TOP_VIEW_H_
#define LOCKSTEP_CLIENT_CLI_TOP_VIEW_H_

// The picture of `lockstep top`: how busy the fleet and its GPUs are, a table
// of jobs, and what there is to see of the selected one.

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/frame.h"
#include "client/cli/plot.h"
#include "client/cli/top_state.h"

namespace lockstep::cli {

// Of the selected job.
struct TopDetails {
  std::vector<PlotPoint> loss;
  std::vector<std::string> log;  // Its newest lines, fit for a terminal.
};

struct TopStyle {
  bool unicode = true;
  bool keys = true;  // Say at the bottom which keys there are.
};

// Rows that it takes to show all jobs of the state and nothing below them, at
// this width.
int TopRows(const TopState& state, int width, const TopStyle& style);

// Draws into a blank frame of any size; what has no room is left out, the table
// last.
void DrawTop(const TopState& state, const TopDetails& details, absl::Time now,
             const TopStyle& style, Frame& frame);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_TOP_VIEW_H_
