// lockstep-rank: what lockstep-worker does with LibTorch. Users do not call it.

#include <iostream>

#include "worker/poll_channels.h"
#include "worker/rank_command_line.h"

int main(int argc, char** argv) {
  lockstep::PollChannelsOften();
  return lockstep::RunRankCommandLine(argc, argv, std::cout, std::cerr);
}
