#ifndef LOCKSTEP_SERVER_LISTENER_H_
#define LOCKSTEP_SERVER_LISTENER_H_

// The gRPC server: addresses, limits and health around the services.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "server/listen_address.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace lockstep {

class Listener {
 public:
  struct Options {
    std::vector<std::string> addresses;
    // For host:port; the files are read again when they change.
    ListenTls tls;
    size_t memory_bytes = 256 << 20;
    absl::Duration shutdown_grace;
  };
  struct NamedService {
    std::string name;  // package.Service
    grpc::Service* service;
  };

  // A UNIX socket gets mode 0660; one that nobody answers on is replaced.
  // UNAVAILABLE, naming the address, when it is taken.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(
      const Options& options, const std::vector<NamedService>& services);
  // Takes no new calls; those under way get the grace time.
  ~Listener();

  // With real ports.
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  Listener(std::unique_ptr<grpc::Server> server,
           std::vector<std::string> addresses, absl::Duration shutdown_grace)
      : server_(std::move(server)),
        addresses_(std::move(addresses)),
        shutdown_grace_(shutdown_grace) {}

  const std::unique_ptr<grpc::Server> server_;
  const std::vector<std::string> addresses_;
  const absl::Duration shutdown_grace_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LISTENER_H_
