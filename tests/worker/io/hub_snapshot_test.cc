#include "worker/io/hub_snapshot.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

const std::string kCommit(40, 'a');

TEST(HubSnapshotTest, AFolderOfTheCacheTellsModelAndCommit) {
  for (const char* end : {"", "/"}) {
    const auto snapshot = HubSnapshotOf(
        "/c/hub/models--Qwen--Qwen2.5-0.5B/snapshots/" + kCommit + end);
    ASSERT_TRUE(snapshot.has_value());
    EXPECT_EQ(snapshot->id, "Qwen/Qwen2.5-0.5B");
    EXPECT_EQ(snapshot->commit, kCommit);
  }
}

TEST(HubSnapshotTest, OtherFoldersTellNothing) {
  const std::vector<std::string> paths = {
      "",
      "/models/tiny",
      "snapshots/" + kCommit,
      "/c/models--a--b/other/" + kCommit,
      "/c/models--a--b/snapshots/main",
      "/c/models--gpt2/snapshots/" + kCommit,
      "/c/datasets--a--b/snapshots/" + kCommit,
      "/c/models----b/snapshots/" + kCommit};
  for (const std::string& path : paths) {
    EXPECT_FALSE(HubSnapshotOf(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace lockstep
