#include "tests/testing/synced_disk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

std::string BytesOf(const fs::path& file) {
  std::ostringstream bytes;
  bytes << std::ifstream(file, std::ios::binary).rdbuf();
  return std::move(bytes).str();
}

}  // namespace

SyncedDisk::SyncedDisk(const std::string& root) : root_(root) {
  SyncAll(root_);
}

SyncedDisk::Node SyncedDisk::NodeOf(const std::string& path) {
  struct statx is {};
  EXPECT_EQ(statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW,
                  STATX_INO | STATX_BTIME, &is),
            0)
      << path;
  // Without it a number that is used again would be the same file.
  EXPECT_NE(is.stx_mask & STATX_BTIME, 0U) << path;
  return {is.stx_ino, is.stx_btime.tv_sec * 1'000'000'000 +
                          static_cast<int64_t>(is.stx_btime.tv_nsec)};
}

void SyncedDisk::SyncAll(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) {
      SyncAll(entry.path());
    } else {
      Sync(entry.path());
    }
  }
  Sync(folder);
}

void SyncedDisk::Sync(const std::string& path) {
  if (path != root_ && !absl::StartsWith(path, root_ + "/")) return;
  const Node node = NodeOf(path);
  if (!fs::is_directory(path)) {
    files_[node] = BytesOf(path);
    return;
  }
  std::map<std::string, Node>& names = folders_[node];
  names.clear();
  for (const auto& entry : fs::directory_iterator(path)) {
    const Node child = NodeOf(entry.path());
    names[entry.path().filename()] = child;
    // A folder that was never synced is there, and empty.
    if (entry.is_directory()) folders_.try_emplace(child);
  }
}

void SyncedDisk::WriteTo(const std::string& folder) const {
  WriteFolder(NodeOf(root_), folder);
}

void SyncedDisk::WriteFolder(const Node& node, const std::string& to) const {
  fs::create_directory(to);
  for (const auto& [name, child] : folders_.at(node)) {
    const std::string path = absl::StrCat(to, "/", name);
    if (folders_.count(child) > 0) {
      WriteFolder(child, path);
      continue;
    }
    // A file that was never synced is there, and empty.
    const auto file = files_.find(child);
    std::ofstream(path, std::ios::binary)
        << (file == files_.end() ? "" : file->second);
  }
}

}  // namespace lockstep::testing
