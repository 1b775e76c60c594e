// A token that somebody can read is somebody's: while a real job is prepared
// and trains, tokens lie in their 0600 files and nowhere else that outlives a
// call or that another user may look at.

#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

bool IsTokenFile(const fs::path& path) {
  return path.filename() == "token" || path.filename() == "admin.token";
}

class SecretsTest : public ::testing::Test {
 protected:
  // Many steps: the test looks while they run.
  void Submit() {
    WriteFile(
        cluster_.Path("long.yaml"),
        absl::StrCat("apiVersion: lockstep/v1\nmodel: {path: ", SourceDir(),
                     "/tests/testdata/models/tiny-llama}\n"
                     "method: {full: {}}\ndata: {train: [{path: ",
                     SourceDir(),
                     "/tests/testdata/data/text.jsonl}], max_length: "
                     "64}\ntrain: {max_steps: 1000000}\n"
                     "resources: {device: cpu, ranks: 2}\n"
                     "output_dir: ",
                     cluster_.Path("out"), "\n"));
    ASSERT_EQ(
        cluster_
            .Lockstep({"submit", cluster_.Path("long.yaml"), "--name", "long"})
            .exit_code,
        0);
    ASSERT_TRUE(cluster_.FollowMetrics(
        "long", [](const v1::MetricPoint&) { return true; }));
  }
  void Cancel() {
    ASSERT_EQ(cluster_.Lockstep({"jobs", "cancel", "long"}).exit_code, 0);
    cluster_.Lockstep({"wait", "long"});
  }

  // Path -> token, of every token file.
  std::map<std::string, std::string> Tokens() {
    std::map<std::string, std::string> tokens;
    for (const auto& entry :
         fs::recursive_directory_iterator(cluster_.Path("state"))) {
      if (!IsTokenFile(entry.path())) continue;
      tokens[entry.path().string()] = std::string(
          absl::StripAsciiWhitespace(ReadFile(entry.path().string())));
    }
    return tokens;
  }

  // Where any of them is, but for its own file.
  void ExpectNotIn(const std::string& place, const std::string& content) {
    for (const auto& [path, token] : tokens_) {
      EXPECT_FALSE(absl::StrContains(content, token))
          << "the token of " << path << " is in " << place;
    }
    bytes_ += static_cast<int64_t>(content.size());
  }

  TestCluster cluster_;
  std::map<std::string, std::string> tokens_;
  int64_t bytes_ = 0;
};

TEST_F(SecretsTest, TokensAreInTheirFilesOnly) {
  Submit();
  tokens_ = Tokens();
  // The administrator's, prepare's and the attempt's.
  EXPECT_GE(tokens_.size(), 3u);
  for (const auto& [path, token] : tokens_) {
    struct stat info = {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << path;
    EXPECT_GE(token.size(), 43u) << path << " holds less than 256 bits";
  }

  int processes = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string folder = entry.path().string();
    const std::string arguments = ReadFile(folder + "/cmdline");
    if (!absl::StrContains(arguments, "lockstep")) continue;
    ExpectNotIn(folder + "/cmdline", arguments);
    ExpectNotIn(folder + "/environ", ReadFile(folder + "/environ"));
    if (absl::StrContains(arguments, cluster_.Path("state"))) ++processes;
  }
  // The daemon, the supervisor and two ranks.
  EXPECT_GE(processes, 4);

  Cancel();
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(cluster_.dir())) {
    if (!entry.is_regular_file() || IsTokenFile(entry.path())) continue;
    ExpectNotIn(entry.path().string(), ReadFile(entry.path().string()));
    ++files;
  }
  std::cout << "secrets: " << tokens_.size() << " tokens, not in " << bytes_
            << " bytes of " << processes << " processes and " << files
            << " files\n";
}

}  // namespace
}  // namespace lockstep::testing
