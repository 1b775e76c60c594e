#ifndef LOCKSTEP_CLIENT_CLI_PRIVATE_SERVER_H_
#define LOCKSTEP_CLIENT_CLI_PRIVATE_SERVER_H_

// A coordinator for one `lockstep run`: a lockstepd on a UNIX socket in a
// temporary folder, gone when this object is.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/child_process.h"
#include "client/job_client.h"

namespace lockstep::cli {

class PrivateServer {
 public:
  // Starts lockstepd and waits until it answers; CANCELLED, and lockstepd is
  // gone again, when `given_up` says so meanwhile.
  static absl::StatusOr<std::unique_ptr<PrivateServer>> Start(
      int cpu_slots, const std::function<bool()>& given_up);
  // Stops lockstepd; removes the folder unless KeepFolder was called.
  ~PrivateServer();
  PrivateServer(const PrivateServer&) = delete;
  PrivateServer& operator=(const PrivateServer&) = delete;

  // A new connection: one that was interrupted stays so.
  JobClient Connect() const;

  void KeepFolder() { keep_ = true; }
  // Logs and state of the job.
  const std::string& folder() const { return folder_; }

 private:
  PrivateServer(std::string folder, ChildProcess daemon)
      : folder_(std::move(folder)), daemon_(std::move(daemon)) {}
  absl::Status WaitUntilReady(const std::function<bool()>& given_up);

  const std::string folder_;
  ChildProcess daemon_;
  bool keep_ = false;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_PRIVATE_SERVER_H_
