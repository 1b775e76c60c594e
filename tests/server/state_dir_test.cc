#include "server/state_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ScopedTempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

class StateDirTest : public ::testing::Test {
 protected:
  ScopedTempDir dir_;
  const std::string path_ = dir_.Path("deep/state");
  const std::string token_path_ = path_ + "/admin.token";
};

TEST_F(StateDirTest, IsMadeForItsOwnerAndGroup) {
  const auto state = StateDir::Open(path_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(ModeOf(path_) & 07, 0u);
  EXPECT_EQ(ModeOf(path_ + "/jobs") & 07, 0u);
  EXPECT_EQ(ModeOf(path_ + "/cache") & 07, 0u);
  EXPECT_EQ(state->store_path(), path_ + "/lockstep.db");
  EXPECT_EQ(state->jobs_dir(), path_ + "/jobs");
}

TEST_F(StateDirTest, BelongsToOne) {
  auto first = std::make_unique<StateDir>(*StateDir::Open(path_));
  const absl::Status second = StateDir::Open(path_).status();
  EXPECT_TRUE(absl::IsUnavailable(second));
  EXPECT_THAT(std::string(second.message()),
              AllOf(HasSubstr(path_), HasSubstr(absl::StrCat(getpid()))));
  first.reset();
  EXPECT_TRUE(StateDir::Open(path_).ok());
}

TEST_F(StateDirTest, KeepsItsToken) {
  std::string token;
  {
    const auto state = StateDir::Open(path_);
    token = *state->AdminToken();
    EXPECT_EQ(*state->AdminToken(), token);
  }
  EXPECT_EQ(token.size(), 64u);
  EXPECT_EQ(ModeOf(token_path_), 0600u);
  EXPECT_EQ(*StateDir::Open(path_)->AdminToken(), token);
  std::filesystem::remove(token_path_);
  EXPECT_NE(*StateDir::Open(path_)->AdminToken(), token);
}

TEST_F(StateDirTest, RefusesATokenThatIsNoSecret) {
  const auto state = StateDir::Open(path_);
  ASSERT_TRUE(state->AdminToken().ok());
  ASSERT_EQ(chmod(token_path_.c_str(), 0644), 0);
  EXPECT_THAT(std::string(state->AdminToken().status().message()),
              AllOf(HasSubstr(token_path_), HasSubstr("others")));
  ASSERT_EQ(chmod(token_path_.c_str(), 0600), 0);
  std::ofstream(token_path_) << "short\n";
  EXPECT_THAT(std::string(state->AdminToken().status().message()),
              HasSubstr("5 characters"));
}

TEST_F(StateDirTest, SaysWhatIsInTheWay) {
  std::ofstream(dir_.Path("deep")) << "a file";
  EXPECT_THAT(std::string(StateDir::Open(path_).status().message()),
              HasSubstr(dir_.Path("deep")));
}

}  // namespace
}  // namespace lockstep
