#include "client/cli/private_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::cli {
namespace {

using ::testing::HasSubstr;

class PrivateFileTest : public ::testing::Test {
 protected:
  std::string Content() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  // Of whatever name.
  int Files() const {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      files += entry.exists() ? 1 : 0;
    }
    return files;
  }

  lockstep::testing::ScopedTempDir dir_;
  const std::string path_ = dir_.Path("copy");
};

TEST_F(PrivateFileTest, AppearsWhenItIsWholeForItsOwnerAlone) {
  auto file = PrivateFile::Create(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("one ").ok());
  ASSERT_TRUE(file->Append("two").ok());
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Content(), "one two");
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(Files(), 1);
}

TEST_F(PrivateFileTest, LeavesNothingWhenItIsGivenUp) {
  {
    auto file = PrivateFile::Create(path_);
    ASSERT_TRUE(file->Append("half").ok());
  }
  EXPECT_EQ(Files(), 0);
}

TEST_F(PrivateFileTest, NeverReplacesAnother) {
  auto early = PrivateFile::Create(path_);
  std::ofstream(path_) << "another";
  EXPECT_TRUE(absl::IsAlreadyExists(PrivateFile::Create(path_).status()));
  // Also when that came meanwhile.
  const absl::Status status = early->Commit();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  EXPECT_EQ(Content(), "another");
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(dir_.Path("none"), path_);
  EXPECT_TRUE(absl::IsAlreadyExists(PrivateFile::Create(path_).status()));
}

TEST_F(PrivateFileTest, SaysWhichFileCannotBeMade) {
  const absl::Status status =
      PrivateFile::Create(dir_.Path("none/copy")).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("none/copy"));
}

}  // namespace
}  // namespace lockstep::cli
