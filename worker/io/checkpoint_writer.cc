// How a checkpoint comes to be, and what is on disk at each phase:
//
//   "begin"      nothing
//   "weights"    an empty checkpoint-STEP.aATTEMPT.tmp
//   "optimizer"  in it the weights, synced file by file
//   "files"      and the moments
//   "grant"      and all other files but MANIFEST, all synced
//   "manifest"   the same; the coordinator has agreed
//   "rename"     all files and the folder's entries, synced; what had the final
//                name before is called checkpoint-STEP.aATTEMPT.replaced.tmp
//   "sync"       the final name, perhaps only in memory
//   "commit"     the final name, on disk: from here on it survives
//   "end"        the same; the coordinator lists it
//
// A death before "rename" leaves a .tmp folder, which nobody reads and
// RemoveUnfinishedCheckpoints removes. A death after it leaves a whole one,
// which RemoveUnlistedCheckpoints removes when it was not listed. An error of
// the disk before "commit" puts everything back.

#include <stdio.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "proto/contract/status_macros.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/io/file.h"
#include "worker/io/sharded_writer.h"

namespace lockstep {
namespace {

// PEFT reads one file only.
constexpr char kAdapterStem[] = "adapter_model";

// One writing, from nothing to "end".
class CheckpointWriter {
 public:
  CheckpointWriter(const CheckpointWriteOptions& options,
                   const CheckpointContents& contents)
      : options_(options),
        contents_(contents),
        final_(JoinPath(options.output_dir,
                        CheckpointFolderName(contents.state.position.step))),
        unfinished_(absl::StrCat(final_, ".a", options.attempt, ".tmp")),
        replaced_(
            absl::StrCat(final_, ".a", options.attempt, ".replaced.tmp")) {}

  absl::StatusOr<CheckpointInfo> Write();

 private:
  void Enter(absl::string_view phase) {
    if (options_.on_phase) options_.on_phase(phase);
  }
  absl::Status WriteContents();
  absl::Status WriteTensors(const std::string& stem, const std::string& prefix,
                            const std::vector<NamedTensor>& tensors);
  absl::Status WriteText(const std::string& name, const std::string& text);
  absl::Status Publish();
  absl::Status MoveAside();
  void PutBack();
  int64_t TensorBytes() const;

  const CheckpointWriteOptions& options_;
  const CheckpointContents& contents_;
  const std::string final_;
  const std::string unfinished_;
  const std::string replaced_;
  CheckpointManifest manifest_;
  CheckpointInfo info_;
  // What has been renamed.
  bool moved_aside_ = false;
  bool in_place_ = false;
};

absl::Status CheckFinite(const NamedTensor& tensor) {
  const int64_t elements = NumElements(tensor.shape);
  for (int64_t i = 0; i < elements; ++i) {
    if (!std::isfinite(tensor.data[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", tensor.name, ": element ", i, " is ",
                       tensor.data[i], "; no such state is saved"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckpointInfo> CheckpointWriter::Write() {
  Enter("begin");
  absl::Status status = WriteContents();
  if (status.ok()) status = Publish();
  if (!status.ok()) {
    PutBack();
    return status;
  }
  Enter("commit");
  RETURN_IF_ERROR(options_.commit(info_));
  Enter("end");
  // It is listed; what is left here the next attempt removes.
  RemoveTree(replaced_).IgnoreError();
  return info_;
}

// Whatever of it fails is done by the next attempt.
void CheckpointWriter::PutBack() {
  if (in_place_) (void)rename(final_.c_str(), unfinished_.c_str());
  if (moved_aside_) (void)rename(replaced_.c_str(), final_.c_str());
  RemoveTree(unfinished_).IgnoreError();
}

int64_t CheckpointWriter::TensorBytes() const {
  int64_t bytes = 0;
  const auto add = [&bytes](const std::vector<NamedTensor>& tensors) {
    for (const NamedTensor& tensor : tensors) {
      bytes += NumElements(tensor.shape) *
               static_cast<int64_t>(sizeof(*tensor.data));
    }
  };
  add(contents_.weights);
  for (const OptimizerTensors& state : contents_.optimizer) add(state.tensors);
  return bytes;
}

absl::Status CheckpointWriter::WriteContents() {
  RETURN_IF_ERROR(RemoveTree(unfinished_));
  RETURN_IF_ERROR(MakeFolder(unfinished_));
  // Rather than find out after gigabytes.
  RETURN_IF_ERROR(CheckFreeSpace(unfinished_, TensorBytes()));
  Enter("weights");
  RETURN_IF_ERROR(WriteTensors(contents_.weights_stem, "", contents_.weights));
  Enter("optimizer");
  for (const OptimizerTensors& state : contents_.optimizer) {
    RETURN_IF_ERROR(WriteTensors("optimizer_" + state.buffer,
                                 state.buffer + "/", state.tensors));
  }
  Enter("files");
  RETURN_IF_ERROR(
      WriteText(kCheckpointStateFile, CheckpointStateToJson(contents_.state)));
  for (const auto& [name, text] : contents_.files) {
    RETURN_IF_ERROR(WriteText(name, text));
  }
  return absl::OkStatus();
}

absl::Status CheckpointWriter::WriteTensors(
    const std::string& stem, const std::string& prefix,
    const std::vector<NamedTensor>& tensors) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const NamedTensor& tensor : tensors) {
    specs.push_back({prefix + tensor.name, "F32", tensor.shape});
  }
  const int64_t max_bytes = stem == kAdapterStem
                                ? std::numeric_limits<int64_t>::max()
                                : options_.max_shard_bytes;
  ShardedWriter writer(unfinished_, stem, std::move(specs), max_bytes);
  for (const NamedTensor& tensor : tensors) {
    RETURN_IF_ERROR(CheckFinite(tensor));
    RETURN_IF_ERROR(writer.Append(tensor.data));
  }
  ASSIGN_OR_RETURN(const std::vector<WrittenFile> files, writer.Finish());
  for (const WrittenFile& file : files) {
    manifest_.files.push_back(
        {file.name, file.digest.bytes, file.digest.sha256});
  }
  return absl::OkStatus();
}

absl::Status CheckpointWriter::WriteText(const std::string& name,
                                         const std::string& text) {
  RETURN_IF_ERROR(
      WriteWholeFile(JoinPath(unfinished_, name), text, /*sync=*/true));
  manifest_.files.push_back(
      {name, static_cast<int64_t>(text.size()), Sha256Hex(text)});
  return absl::OkStatus();
}

absl::Status CheckpointWriter::Publish() {
  manifest_.step = contents_.state.position.step;
  manifest_.attempt = options_.attempt;
  const std::string text = ManifestText(manifest_);
  info_ = {manifest_.step, manifest_.attempt, final_,
           static_cast<int64_t>(text.size()), Sha256Hex(text)};
  for (const ManifestFile& file : manifest_.files) {
    info_.size_bytes += file.bytes;
  }
  Enter("grant");
  RETURN_IF_ERROR(options_.grant(info_));
  Enter("manifest");
  RETURN_IF_ERROR(WriteWholeFile(JoinPath(unfinished_, kManifestFile), text,
                                 /*sync=*/true));
  RETURN_IF_ERROR(SyncFolder(unfinished_));
  RETURN_IF_ERROR(MoveAside());
  Enter("rename");
  if (rename(unfinished_.c_str(), final_.c_str()) != 0) {
    return ErrnoToStatus(errno, "rename into place", final_);
  }
  in_place_ = true;
  Enter("sync");
  return SyncFolder(options_.output_dir);
}

// A folder of the final name is of an attempt that died before "commit", or was
// found damaged: this attempt started from a step before it.
absl::Status CheckpointWriter::MoveAside() {
  if (!FileExists(final_)) return absl::OkStatus();
  RETURN_IF_ERROR(RemoveTree(replaced_));
  if (rename(final_.c_str(), replaced_.c_str()) != 0) {
    return ErrnoToStatus(errno, "rename", final_);
  }
  moved_aside_ = true;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckpointInfo> WriteCheckpoint(
    const CheckpointWriteOptions& options, const CheckpointContents& contents) {
  LOCKSTEP_CHECK(options.grant != nullptr && options.commit != nullptr);
  return CheckpointWriter(options, contents).Write();
}

}  // namespace lockstep
