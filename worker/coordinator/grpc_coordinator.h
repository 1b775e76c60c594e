#ifndef LOCKSTEP_WORKER_COORDINATOR_GRPC_COORDINATOR_H_
#define LOCKSTEP_WORKER_COORDINATOR_GRPC_COORDINATOR_H_

// Coordinator over gRPC. The attempt's token is read once from its file and
// goes with every call as metadata. Calls that wait for a daemon that is away
// are repeated with growing pauses until `away_budget` is used up: every call
// of the contract is idempotent.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "proto/contract/tls_channel.h"
#include "worker/coordinator/coordinator.h"

namespace lockstep {

struct CoordinatorOptions {
  // unix:/path or host:port.
  std::string address;
  // PEM file of the CA that a host:port is trusted by; empty: without TLS.
  std::string tls_ca;
  // jobs/{job}.
  std::string job;
  int attempt = 0;
  // -1 for prepare and supervisors.
  int rank = -1;
  // Holds the attempt's token, 0600.
  std::string token_file;
  // UUID of the GPU that this rank computes on, or "cpu"; told when it joins.
  std::string device;

  // How long a call waits for a daemon that is away. Long enough for an
  // upgrade, short enough that a lost coordinator does not hold devices.
  absl::Duration away_budget = absl::Minutes(10);
  // Deadline of a single try of a call that the daemon answers at once.
  absl::Duration call_timeout = absl::Seconds(20);
  // Deadline of Join; the daemon's own is shorter and names missing ranks.
  absl::Duration join_timeout = absl::Minutes(30);

  // Both for tests.
  std::function<void(absl::Duration)> sleep = absl::SleepFor;
  std::function<absl::Time()> now = absl::Now;
};

// What goes with every call: the token and this program's version.
void AddCredentials(const std::string& token, grpc::ClientContext& context);

// A channel to the daemon: without TLS to a UNIX socket or to loopback.
std::shared_ptr<grpc::Channel> ConnectToCoordinator(const std::string& address,
                                                    const TlsIdentity& tls);

// The token in `path`, without the newline at its end. NOT_FOUND, or
// INVALID_ARGUMENT when the file is empty.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

class GrpcCoordinator : public Coordinator {
 public:
  // Reads the token and the CA; does not connect yet.
  static absl::StatusOr<std::unique_ptr<GrpcCoordinator>> Create(
      CoordinatorOptions options);

  absl::StatusOr<worker::v1::JoinResponse> Join(
      const std::string& node, int64_t pid,
      const std::string& incarnation) override;
  absl::Status SetKey(absl::string_view key, absl::string_view value) override;
  absl::StatusOr<std::string> WaitKey(absl::string_view key,
                                      absl::Duration timeout) override;
  std::unique_ptr<Heartbeats> OpenHeartbeats(
      Heartbeats::Handler handler) override;
  absl::StatusOr<int64_t> Report(worker::v1::ReportRequest request) override;
  absl::Status CommitCheckpoint(
      worker::v1::CommitCheckpointRequest::Phase phase,
      const v1::Checkpoint& checkpoint) override;
  absl::Status ReportPrepared(const v1::Plan& plan) override;
  absl::Status ReportPrepareFailed(const v1::JobError& error) override;

 private:
  GrpcCoordinator(CoordinatorOptions options, std::string token,
                  TlsIdentity tls);

  template <typename Request>
  void Sign(Request& request) const;
  template <typename Method, typename Request, typename Response>
  absl::Status CallOnce(Method method, const Request& request,
                        Response& response, absl::Duration timeout) const;
  template <typename Method, typename Request, typename Response>
  absl::Status CallUntilAnswered(Method method, Request& request,
                                 Response& response,
                                 absl::Duration timeout) const;

  const CoordinatorOptions options_;
  const std::string token_;
  const TlsIdentity tls_;
  const std::unique_ptr<worker::v1::WorkerService::Stub> stub_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COORDINATOR_GRPC_COORDINATOR_H_
