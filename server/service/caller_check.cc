#include "server/service/caller_check.h"

#include "proto/contract/errors.h"
#include "proto/contract/version.h"
#include "proto/contract/worker_version.h"

namespace lockstep {

absl::Status CheckCaller(const Principal& principal,
                         const worker::v1::Caller& caller) {
  const AttemptRef claimed{caller.job(), caller.attempt()};
  if (principal.attempt == claimed) return absl::OkStatus();
  return errors::AttemptSuperseded(caller.job(), caller.attempt());
}

absl::Status CheckVersion(const grpc::CallbackServerContext& context) {
  const auto said = context.client_metadata().find(kVersionMetadata);
  if (said == context.client_metadata().end()) {
    return CheckWorkerVersion(kFirstVersion, VersionText());
  }
  return CheckWorkerVersion({said->second.data(), said->second.size()},
                            VersionText());
}

}  // namespace lockstep
