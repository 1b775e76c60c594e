#ifndef LOCKSTEP_WORKER_SUPERVISE_ATTACH_CLIENT_H_
#define LOCKSTEP_WORKER_SUPERVISE_ATTACH_CLIENT_H_

// A supervisor's line to the coordinator: WorkerService.Attach, kept open
// through restarts of the coordinator by a thread of its own. It tells the
// newest state of the ranks and passes on what the coordinator wants.
//
// Thread-safe. The handler runs on the client's threads and must not block.

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.grpc.pb.h"
#include "worker/supervise/supervise_options.h"

namespace lockstep {

struct TlsIdentity;

class AttachClient {
 public:
  struct Handler {
    std::function<void(absl::Duration grace)> on_stop;
    std::function<void()> on_kill;
    // The attempt has ended, or is unknown: nothing of it may go on.
    std::function<void()> on_superseded;
  };

  // Reads the token and the CA and starts to connect.
  static absl::StatusOr<std::unique_ptr<AttachClient>> Create(
      const SuperviseOptions& options, Handler handler);
  ~AttachClient();

  // What is told from now on, and again after every break.
  void Update(const std::vector<worker::v1::RankProcess>& ranks, bool ended)
      ABSL_LOCKS_EXCLUDED(mu_);

  // True once the coordinator has the end on disk, or has no such attempt any
  // more; false when `timeout` has passed without.
  bool WaitEndRecorded(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Stream = grpc::ClientReaderWriter<worker::v1::AttachRequest,
                                          worker::v1::AttachResponse>;

  AttachClient(const SuperviseOptions& options, std::string token,
               const TlsIdentity& tls, Handler handler);

  void Run();
  grpc::Status Session() ABSL_LOCKS_EXCLUDED(mu_);
  void WriteUpdates(Stream& stream) ABSL_LOCKS_EXCLUDED(mu_);
  void ReadCommands(Stream& stream) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string token_;
  const Handler handler_;
  const std::unique_ptr<worker::v1::WorkerService::Stub> stub_;

  absl::Mutex mu_;
  worker::v1::AttachRequest newest_ ABSL_GUARDED_BY(mu_);
  // Counts the updates; a session writes until it has told the newest.
  int version_ ABSL_GUARDED_BY(mu_) = 1;
  bool session_broken_ ABSL_GUARDED_BY(mu_) = false;
  bool session_answered_ ABSL_GUARDED_BY(mu_) = false;
  bool recorded_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;

  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_SUPERVISE_ATTACH_CLIENT_H_
