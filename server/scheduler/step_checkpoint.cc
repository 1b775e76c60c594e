// The two halves of publishing a checkpoint. Both are for the live attempt
// only, so that a rank which was thought dead never publishes over its
// successor.

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

constexpr size_t kSha256Digits = 64;

absl::Status Invalid(const std::string& message) {
  return errors::Error(absl::StatusCode::kInvalidArgument, "INVALID_CHECKPOINT",
                       message);
}

absl::Status Check(const v1::Checkpoint& checkpoint, bool commit) {
  if (checkpoint.step() <= 0) {
    return Invalid(absl::StrCat("checkpoint.step: ", checkpoint.step(),
                                " is not a step; steps count from 1"));
  }
  if (!commit) return absl::OkStatus();
  if (!absl::StartsWith(checkpoint.path(), "/")) {
    return Invalid(absl::StrCat("checkpoint.path: \"", checkpoint.path(),
                                "\" is not an absolute path"));
  }
  if (checkpoint.manifest_sha256().size() != kSha256Digits) {
    return Invalid(absl::StrCat(
        "checkpoint.manifest_sha256: has ", checkpoint.manifest_sha256().size(),
        " characters; a SHA-256 in hexadecimal has ", kSha256Digits));
  }
  return absl::OkStatus();
}

bool IsSame(const v1::Checkpoint& a, const v1::Checkpoint& b) {
  return a.step() == b.step() && a.attempt() == b.attempt() &&
         a.manifest_sha256() == b.manifest_sha256();
}

void List(Decision& decision, JobEntry& entry, v1::Checkpoint checkpoint) {
  checkpoint.set_attempt(entry.job().attempt());
  if (IsSame(checkpoint, entry.newest_checkpoint)) return;
  checkpoint.set_name(
      CheckpointName(*JobIdFromName(entry.job().name()), checkpoint.step()));
  *checkpoint.mutable_create_time() = ToProto(decision.wall());
  decision.List(checkpoint);
  decision.Record(
      entry, v1::Event::INFO, "CHECKPOINT_COMMITTED",
      absl::StrCat("checkpoint of step ", checkpoint.step(), ", ",
                   checkpoint.size_bytes(), " bytes, in ", checkpoint.path()),
      entry.job().attempt());
  // A call that was repeated may arrive after that of a later step.
  if (checkpoint.step() < entry.newest_checkpoint.step()) return;
  entry.newest_checkpoint = std::move(checkpoint);
}

}  // namespace

void OnCheckpoint(Decision& decision, const CheckpointEvent& event) {
  absl::StatusOr<JobEntry*> found =
      FindLive(decision, event.caller.job(), event.caller.attempt());
  absl::Status status = found.status();
  if (status.ok()) status = Check(event.checkpoint, event.commit);
  if (status.ok() && event.commit) List(decision, **found, event.checkpoint);
  decision.Ack(event.ticket, std::move(status));
}

}  // namespace lockstep
