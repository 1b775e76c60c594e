// lockstep: the command line.

#include <iostream>

#include "client/cli/command_line.h"
#include "client/cli/interrupt.h"

int main(int argc, char** argv) {
  lockstep::cli::StartInterruptThread();
  return static_cast<int>(
      lockstep::cli::RunCommandLine(argc, argv, std::cout, std::cerr));
}
