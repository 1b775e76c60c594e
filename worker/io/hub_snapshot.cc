#include "worker/io/hub_snapshot.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/contract/hub_commit.h"

namespace lockstep {

std::optional<HubSnapshot> HubSnapshotOf(absl::string_view path) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripSuffix(path, "/"), '/');
  const size_t count = parts.size();
  if (count < 3 || parts[count - 2] != "snapshots") return std::nullopt;
  const absl::string_view commit = parts[count - 1];
  if (!IsHubCommit(commit)) return std::nullopt;
  // No part of an id holds "--".
  const std::vector<absl::string_view> id =
      absl::StrSplit(parts[count - 3], "--");
  if (id.size() != 3 || id[0] != "models" || id[1].empty() || id[2].empty()) {
    return std::nullopt;
  }
  return HubSnapshot{absl::StrCat(id[1], "/", id[2]), std::string(commit)};
}

}  // namespace lockstep
