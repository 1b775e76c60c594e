#include "server/service/caller_check.h"

#include "proto/contract/errors.h"

namespace lockstep {

absl::Status CheckCaller(const Principal& principal,
                         const worker::v1::Caller& caller) {
  const AttemptRef claimed{caller.job(), caller.attempt()};
  if (principal.attempt == claimed) return absl::OkStatus();
  return errors::AttemptSuperseded(caller.job(), caller.attempt());
}

}  // namespace lockstep
