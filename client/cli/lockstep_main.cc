// lockstep: the command line.

#include <cstdlib>
#include <iostream>

#include "client/cli/command_line.h"
#include "client/cli/interrupt.h"

int main(int argc, char** argv) {
  // gRPC's log of a handshake that failed; what it means is in the error.
  setenv("GRPC_VERBOSITY", "NONE", /*replace=*/0);
  lockstep::cli::StartInterruptThread();
  return static_cast<int>(
      lockstep::cli::RunCommandLine(argc, argv, std::cout, std::cerr));
}
