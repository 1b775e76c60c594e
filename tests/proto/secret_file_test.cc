#include "proto/contract/secret_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SecretFileTest : public ::testing::Test {
 protected:
  void Write(const std::string& content, mode_t mode) {
    std::ofstream(path_) << content;
    chmod(path_.c_str(), mode);
  }
  std::string Error() {
    return std::string(ReadSecretFile(path_).status().message());
  }

  testing::ScopedTempDir dir_;
  const std::string path_ = dir_.Path("secret");
};

TEST_F(SecretFileTest, IsReadWhole) {
  const std::string content(10'000, 'x');
  for (const mode_t mode : {0600, 0400}) {
    std::filesystem::remove(path_);
    Write(content, mode);
    EXPECT_EQ(*ReadSecretFile(path_), content);
  }
}

TEST_F(SecretFileTest, MayBeReachedByALink) {
  Write("key", 0600);
  std::filesystem::create_symlink(path_, dir_.Path("link"));
  EXPECT_EQ(*ReadSecretFile(dir_.Path("link")), "key");
}

TEST_F(SecretFileTest, IsRefusedWhenOthersMayReadIt) {
  for (const mode_t mode : {0640, 0604, 0660, 0610}) {
    Write("the secret", mode);
    EXPECT_THAT(Error(), AllOf(HasSubstr(path_), HasSubstr("chmod 600"),
                               ::testing::Not(HasSubstr("the secret"))));
  }
  EXPECT_THAT(Error(), HasSubstr("mode 0610"));
}

TEST_F(SecretFileTest, IsAFile) {
  EXPECT_TRUE(absl::IsNotFound(ReadSecretFile(path_).status()));
  std::filesystem::create_directory(path_);
  EXPECT_THAT(Error(), HasSubstr("is not a regular file"));
  std::filesystem::remove(path_);
  // Without waiting for one who writes.
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(Error(), HasSubstr("is not a regular file"));
}

TEST_F(SecretFileTest, IsNotHuge) {
  Write(std::string((1 << 20) + 1, 'x'), 0600);
  EXPECT_THAT(Error(), HasSubstr("1048577 bytes; at most 1048576"));
}

}  // namespace
}  // namespace lockstep
