#ifndef LOCKSTEP_PROTO_CONTRACT_WORKER_VERSION_H_
#define LOCKSTEP_PROTO_CONTRACT_WORKER_VERSION_H_

// Which lockstep-worker a coordinator works with. The two are separate files,
// and an upgrade may replace one while the other runs. Pure.

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// Metadata of every call of a worker: its VersionText.
inline constexpr char kVersionMetadata[] = "lockstep-version";

// What a worker that does not say its version is: there was no other release.
inline constexpr char kFirstVersion[] = "0.1.0";

// FAILED_PRECONDITION, VERSION_MISMATCH, unless the worker is of the
// coordinator's release or of the one before: processes that were started
// before an upgrade go on after it, but a worker that is newer may mean by its
// calls what this coordinator does not know. Both are VersionText; the message
// names them and says what to do.
absl::Status CheckWorkerVersion(absl::string_view worker,
                                absl::string_view coordinator);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_WORKER_VERSION_H_
