// lockstep-worker: one process of a job, or a tool for models. Each subcommand
// is one file.

#include <iostream>

#include "worker/command_line.h"
#include "worker/poll_channels.h"
#include "worker/supervise/rank_program.h"

int main(int argc, char** argv) {
  lockstep::PollChannelsOften();
  return lockstep::RunCommandLine(argc, argv, lockstep::RankProgramPath(),
                                  std::cout, std::cerr);
}
