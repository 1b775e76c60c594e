// The life of a checkpoint on the list. A rank asks before it publishes one,
// has it listed when its folder is on disk, and has it unlisted before it
// removes the folder: what is listed always has its files. All is for the live
// attempt only, so that a rank which was thought dead changes nothing under its
// successor.

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"
#include "server/store/goodput.h"

namespace lockstep {
namespace {

using CommitRequest = worker::v1::CommitCheckpointRequest;

constexpr size_t kSha256Digits = 64;

absl::Status Invalid(const std::string& message) {
  return errors::Error(absl::StatusCode::kInvalidArgument, "INVALID_CHECKPOINT",
                       message);
}

absl::Status Check(const v1::Checkpoint& checkpoint,
                   CommitRequest::Phase phase) {
  if (phase != CommitRequest::PHASE_GRANT &&
      phase != CommitRequest::PHASE_COMMIT &&
      phase != CommitRequest::PHASE_UNLIST) {
    return Invalid(
        absl::StrCat("phase: ", phase,
                     " is none of PHASE_GRANT, PHASE_COMMIT and PHASE_UNLIST"));
  }
  if (checkpoint.step() <= 0) {
    return Invalid(absl::StrCat("checkpoint.step: ", checkpoint.step(),
                                " is not a step; steps count from 1"));
  }
  if (phase != CommitRequest::PHASE_COMMIT) return absl::OkStatus();
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

absl::Status List(Decision& decision, JobEntry& entry,
                  v1::Checkpoint checkpoint) {
  checkpoint.set_attempt(entry.job().attempt());
  if (IsSame(checkpoint, entry.newest_checkpoint)) return absl::OkStatus();
  // The steps of an attempt go up, so this is a repeated call that comes late.
  // If its checkpoint is not listed any more, its folder is gone.
  const int64_t newest = entry.newest_checkpoint.step();
  if (entry.newest_checkpoint.attempt() == checkpoint.attempt() &&
      checkpoint.step() < newest) {
    const auto listed = entry.listed.find(checkpoint.step());
    if (listed != entry.listed.end() &&
        listed->second.attempt() == checkpoint.attempt()) {
      return absl::OkStatus();
    }
    return Invalid(absl::StrCat("checkpoint.step: ", checkpoint.step(),
                                " is not listed, and step ", newest,
                                " of the same attempt already is"));
  }
  checkpoint.set_name(
      CheckpointName(*JobIdFromName(entry.job().name()), checkpoint.step()));
  *checkpoint.mutable_create_time() = ToProto(decision.wall());
  // Only a user pins, and means the step, whichever attempt writes it.
  const auto before = entry.listed.find(checkpoint.step());
  checkpoint.set_pinned(before != entry.listed.end() &&
                        before->second.pinned());
  decision.List(checkpoint);
  decision.Record(
      entry, v1::Event::INFO, "CHECKPOINT_COMMITTED",
      absl::StrCat("checkpoint of step ", checkpoint.step(), ", ",
                   checkpoint.size_bytes(), " bytes, in ", checkpoint.path()),
      entry.job().attempt());
  if (entry.job().spec().checkpoint().resume() !=
      v1::CheckpointSpec::RESUME_NEVER) {
    NoteKept(entry.record.Mutable(), checkpoint.step(), decision.wall());
  }
  entry.listed[checkpoint.step()] = checkpoint;
  // One that could not read the newest goes on from before it.
  if (checkpoint.step() >= newest) {
    entry.newest_checkpoint = std::move(checkpoint);
  }
  return absl::OkStatus();
}

// A job that has a checkpoint never loses its newest one.
absl::Status Unlist(Decision& decision, JobEntry& entry, int64_t step) {
  const int64_t newest = entry.newest_checkpoint.step();
  if (step >= newest) {
    return Invalid(
        absl::StrCat("checkpoint.step: ", step,
                     " cannot be unlisted; only those before the newest, ",
                     newest, ", can"));
  }
  // A retry finds it gone.
  const auto listed = entry.listed.find(step);
  if (listed == entry.listed.end()) return absl::OkStatus();
  if (listed->second.pinned()) {
    return errors::Error(
        absl::StatusCode::kFailedPrecondition, "CHECKPOINT_PINNED",
        absl::StrCat(listed->second.name(), " is pinned and stays"));
  }
  entry.listed.erase(listed);
  decision.Unlist(CheckpointName(*JobIdFromName(entry.job().name()), step));
  decision.Record(
      entry, v1::Event::INFO, "CHECKPOINT_UNLISTED",
      absl::StrCat("checkpoint of step ", step,
                   " is not kept: checkpoint.save_total_limit is ",
                   entry.job().spec().checkpoint().save_total_limit()),
      entry.job().attempt());
  return absl::OkStatus();
}

}  // namespace

void OnCheckpoint(Decision& decision, const CheckpointEvent& event) {
  absl::StatusOr<JobEntry*> found =
      FindLive(decision, event.caller.job(), event.caller.attempt());
  absl::Status status = found.status();
  if (status.ok()) status = Check(event.checkpoint, event.phase);
  if (status.ok() && event.phase == CommitRequest::PHASE_COMMIT) {
    status = List(decision, **found, event.checkpoint);
  }
  if (status.ok() && event.phase == CommitRequest::PHASE_UNLIST) {
    status = Unlist(decision, **found, event.checkpoint.step());
  }
  decision.Ack(event.ticket, std::move(status));
}

}  // namespace lockstep
