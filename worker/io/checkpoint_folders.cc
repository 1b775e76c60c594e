#include "worker/io/checkpoint_folders.h"

#include <stdio.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/status_macros.h"
#include "worker/io/checkpoint_manifest.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

constexpr char kPrefix[] = "checkpoint-";

// None when there is no such output_dir.
absl::StatusOr<std::vector<std::string>> FoldersIn(
    const std::string& output_dir) {
  if (!FileExists(output_dir)) return std::vector<std::string>();
  return ListFolders(output_dir);
}

// A number as we write it: digits, no sign, no zero before it.
std::optional<int64_t> ParseNumber(absl::string_view text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || absl::StrCat(number) != text ||
      number < 0) {
    return std::nullopt;
  }
  return number;
}

// M of checkpoint-STEP.aM.tmp, .replaced.tmp and .removed.tmp.
std::optional<int64_t> AttemptOfUnfinished(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kPrefix) ||
      !absl::ConsumeSuffix(&name, ".tmp")) {
    return std::nullopt;
  }
  if (!absl::ConsumeSuffix(&name, ".replaced")) {
    absl::ConsumeSuffix(&name, ".removed");
  }
  const size_t mark = name.find(".a");
  if (mark == absl::string_view::npos || !ParseNumber(name.substr(0, mark))) {
    return std::nullopt;
  }
  return ParseNumber(name.substr(mark + 2));
}

}  // namespace

std::string CheckpointFolderName(int64_t step) {
  return absl::StrCat(kPrefix, step);
}

absl::StatusOr<std::vector<int64_t>> ListCheckpointSteps(
    const std::string& output_dir) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FoldersIn(output_dir));
  std::vector<int64_t> steps;
  for (absl::string_view name : names) {
    if (!absl::ConsumePrefix(&name, kPrefix)) continue;
    if (const auto step = ParseNumber(name)) steps.push_back(*step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

absl::Status RemoveCheckpoint(const std::string& output_dir, int64_t step,
                              int64_t attempt) {
  const std::string folder = JoinPath(output_dir, CheckpointFolderName(step));
  const std::string removed =
      absl::StrCat(folder, ".a", attempt, ".removed.tmp");
  RETURN_IF_ERROR(RemoveTree(removed));
  if (rename(folder.c_str(), removed.c_str()) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoToStatus(errno, "rename", folder);
  }
  return RemoveTree(removed);
}

absl::StatusOr<std::vector<std::string>> RemoveUnfinishedCheckpoints(
    const std::string& output_dir, int64_t attempt) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FoldersIn(output_dir));
  std::vector<std::string> removed;
  for (const std::string& name : names) {
    const std::optional<int64_t> writer = AttemptOfUnfinished(name);
    if (!writer.has_value() || *writer >= attempt) continue;
    RETURN_IF_ERROR(RemoveTree(JoinPath(output_dir, name)));
    removed.push_back(name);
  }
  return removed;
}

absl::StatusOr<std::vector<int64_t>> RemoveUnlistedCheckpoints(
    const std::string& output_dir, const std::set<int64_t>& listed,
    int64_t attempt) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> steps,
                   ListCheckpointSteps(output_dir));
  std::vector<int64_t> removed;
  for (const int64_t step : steps) {
    const std::string folder = JoinPath(output_dir, CheckpointFolderName(step));
    if (listed.contains(step)) continue;
    if (!FileExists(JoinPath(folder, kManifestFile))) continue;
    RETURN_IF_ERROR(RemoveCheckpoint(output_dir, step, attempt));
    removed.push_back(step);
  }
  return removed;
}

}  // namespace lockstep
