#ifndef LOCKSTEP_CLIENT_CLI_REQUEST_ID_H_
#define LOCKSTEP_CLIENT_CLI_REQUEST_ID_H_

// A request id for a job that is created here: always sent, so that the call
// may be retried.

#include <fstream>
#include <string>

namespace lockstep::cli {

inline std::string NewRequestId() {
  std::ifstream random("/proc/sys/kernel/random/uuid");
  std::string id;
  random >> id;
  return id;
}

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_REQUEST_ID_H_
