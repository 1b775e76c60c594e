#ifndef LOCKSTEP_SERVER_SERVER_H_
#define LOCKSTEP_SERVER_SERVER_H_

// The coordinator in one object: owns every part once, starts them in the order
// of need and stops them in reverse. Stopping detaches: processes of jobs go
// on, and the next coordinator on the same state folder adopts them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/launcher/launcher.h"
#include "server/server_options.h"

namespace lockstep {

class Server {
 public:
  // Makes the launcher once the state folder is ours.
  using LauncherFactory =
      std::function<absl::StatusOr<std::unique_ptr<Launcher>>(
          const ServerOptions& options)>;

  // Told, on a thread of its own, that it can decide nothing any more and why:
  // whoever owns it ends it, as only another start mends that. Must not block.
  using FailureListener = std::function<void(const absl::Status&)>;

  // Serves when it returns.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, const LauncherFactory& make_launcher,
      const FailureListener& failed = [](const absl::Status&) {});
  ~Server();

  // With real ports.
  const std::vector<std::string>& addresses() const;
  // Empty when off.
  const std::string& metrics_url() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVER_H_
