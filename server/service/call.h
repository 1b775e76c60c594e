#ifndef LOCKSTEP_SERVER_SERVICE_CALL_H_
#define LOCKSTEP_SERVER_SERVICE_CALL_H_

// What every call has: a check at its begin, one status with details, one
// entry in the metrics and perhaps one in the log at its end.

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/service/access.h"
#include "server/service/call_log.h"
#include "server/service/message_bytes.h"
#include "server/service/service_parts.h"

namespace lockstep {

// Begin and end of one call of any kind.
class CallRecord {
 public:
  // `method` is package.Service/Method and lives for ever.
  CallRecord(const ServiceParts& parts, absl::string_view method);

  // Before End, on the thread that starts the call. Tells the client the id
  // that the call has in the log.
  absl::StatusOr<Principal> Admit(grpc::CallbackServerContext& context);
  const CallTags& tags() const { return tags_; }
  // Counts the call, and logs one that was refused; the status as it goes out.
  grpc::Status End(const absl::Status& status) const;

 private:
  const ServiceParts& parts_;
  const absl::string_view method_;
  const absl::Duration start_;
  // Set by Admit, which comes first, on the same thread.
  CallTags tags_;
  // The address, and the name of whom it is known of.
  std::string who_;
};

// One unary call, answered once: by whoever finishes first, which may be the
// client that gave up. Answers may come from any thread, also after that.
class UnaryCall final : public grpc::ServerUnaryReactor,
                        public std::enable_shared_from_this<UnaryCall> {
 public:
  static std::shared_ptr<UnaryCall> Start(const ServiceParts& parts,
                                          absl::string_view method);

  absl::StatusOr<Principal> Admit(grpc::CallbackServerContext& context) {
    return record_.Admit(context);
  }

  // Once admitted.
  const CallTags& tags() const { return record_.tags(); }

  void Finish(const absl::Status& status);

  // `response` is the one that gRPC gave with this call.
  template <typename Response>
  void Finish(absl::StatusOr<Response> result, Response* response) {
    if (!Claim()) return;
    if (!result.ok()) return End(result.status());
    *response = *std::move(result);
    End(absl::OkStatus());
  }

  // The same of a result that others hold, too: a copy, or its bytes.
  template <typename Response>
  void FinishShared(
      const absl::StatusOr<std::shared_ptr<const Response>>& result,
      Response* response) {
    if (!Claim()) return;
    if (result.ok()) *response = **result;
    End(result.status());
  }
  template <typename Response>
  void FinishBytes(
      const absl::StatusOr<std::shared_ptr<const Response>>& result,
      grpc::ByteBuffer* response) {
    if (!Claim()) return;
    if (result.ok()) *response = ToBytes(**result);
    End(result.status());
  }

 private:
  UnaryCall(const ServiceParts& parts, absl::string_view method)
      : record_(parts, method) {}

  // True for the one who may touch the response and finish.
  bool Claim() { return !claimed_.exchange(true); }
  void End(const absl::Status& status);
  void OnCancel() override;
  void OnDone() override;

  CallRecord record_;
  std::atomic<bool> claimed_ = false;
  // Until OnDone.
  std::shared_ptr<UnaryCall> self_;
};

// INVALID_ARGUMENT, INVALID_NAME unless jobs/{job}.
absl::Status CheckJobName(absl::string_view name);

// UNAVAILABLE, SHUTTING_DOWN: clients come back.
absl::Status ShuttingDown();

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_CALL_H_
