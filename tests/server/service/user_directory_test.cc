#include "server/service/user_directory.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class UserDirectoryTest : public ::testing::Test {
 protected:
  // As an editor does, and as one that writes in place does.
  void Replace(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_ + ".new") << text;
    chmod((path_ + ".new").c_str(), mode);
    std::filesystem::rename(path_ + ".new", path_);
  }
  static std::string Line(const std::string& name, const std::string& token,
                          const std::string& more = "") {
    return absl::StrCat(name, " ", absl::BytesToHexString(TokenDigest(token)),
                        " ", more, "\n");
  }
  void Open() {
    auto users = UserDirectory::Open(path_);
    ASSERT_TRUE(users.ok()) << users.status();
    users_ = *std::move(users);
  }
  std::string Token(const std::string& token) {
    return Outcome(users_->FindToken(token, now_));
  }
  std::string Certificate(const std::string& name) {
    return Outcome(users_->FindCertificate(name));
  }
  static std::string Outcome(const absl::StatusOr<Principal>& principal) {
    return principal.ok() ? absl::StrCat(principal->name, " the ",
                                         RoleName(principal->role))
                          : ErrorReason(principal.status());
  }

  testing::ScopedTempDir dir_;
  const std::string path_ = dir_.Path("tokens");
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);  // 2027-01-15.
  std::unique_ptr<UserDirectory> users_;
};

TEST_F(UserDirectoryTest, WithoutAFileThereIsNobody) {
  users_ = *UserDirectory::Open("");
  EXPECT_EQ(Token("alice"), "TOKEN_INVALID");
  EXPECT_EQ(Token(""), "TOKEN_INVALID");
  EXPECT_EQ(Certificate("alice"), "alice the user");
}

TEST_F(UserDirectoryTest, KnowsATokenByItsDigest) {
  Replace(Line("alice", "a") + Line("alice", "a2", "admin") +
          Line("vera", "v", "viewer"));
  Open();
  EXPECT_EQ(Token("a"), "alice the user");
  EXPECT_EQ(Token("a2"), "alice the admin");
  EXPECT_EQ(Token("v"), "vera the viewer");
  EXPECT_EQ(Token("b"), "TOKEN_INVALID");
  EXPECT_EQ(Token(absl::BytesToHexString(TokenDigest("a"))), "TOKEN_INVALID");
}

TEST_F(UserDirectoryTest, SaysThatATokenHasExpiredOrWasRevoked) {
  Replace(Line("alice", "a", "expires 2027-01-31T12:00:00Z") +
          Line("bob", "b", "revoked"));
  Open();
  EXPECT_EQ(Token("a"), "alice the user");
  now_ = absl::FromUnixSeconds(1'801'396'800);  // That very second.
  EXPECT_EQ(Token("a"), "TOKEN_EXPIRED");
  EXPECT_THAT(std::string(users_->FindToken("a", now_).status().message()),
              AllOf(HasSubstr("alice"), HasSubstr("2027-01-31T12:00:00")));
  EXPECT_EQ(Token("b"), "TOKEN_REVOKED");
}

TEST_F(UserDirectoryTest, ACertificateIsAUsersUnlessALineSaysOtherwise) {
  Replace("root certificate admin\nbob certificate revoked\n" +
          Line("alice", "a", "admin"));
  Open();
  EXPECT_EQ(Certificate("root"), "root the admin");
  EXPECT_EQ(Certificate("bob"), "CERTIFICATE_REVOKED");
  // What a token may do says nothing of the certificate.
  EXPECT_EQ(Certificate("alice"), "alice the user");
  for (const char* name : {"local", "admin", "jobs/a", "a b", ""}) {
    EXPECT_EQ(Certificate(name), "CERTIFICATE_NAME_INVALID") << name;
  }
}

TEST_F(UserDirectoryTest, AChangeHoldsFromTheNextCallOn) {
  Replace(Line("alice", "a"));
  Open();
  EXPECT_EQ(Token("a"), "alice the user");
  Replace(Line("alice", "a", "revoked") + Line("bob", "b"));
  EXPECT_EQ(Token("a"), "TOKEN_REVOKED");
  EXPECT_EQ(Token("b"), "bob the user");
  std::ofstream(path_, std::ios::app) << Line("carol", "c");
  EXPECT_EQ(Token("c"), "carol the user");
}

TEST_F(UserDirectoryTest, WhatWasGoodHoldsWhileTheFileIsNot) {
  Replace(Line("alice", "a"));
  Open();
  Replace("nonsense\n");
  EXPECT_EQ(Token("a"), "alice the user");
  Replace(Line("bob", "b"), 0644);
  EXPECT_EQ(Token("b"), "TOKEN_INVALID");
  std::filesystem::remove(path_);
  EXPECT_EQ(Token("a"), "alice the user");
  Replace(Line("bob", "b"));
  EXPECT_EQ(Token("a"), "TOKEN_INVALID");
  EXPECT_EQ(Token("b"), "bob the user");
}

TEST_F(UserDirectoryTest, ABadFileIsRefusedAtTheStart) {
  const auto error = [&] {
    return std::string(UserDirectory::Open(path_).status().message());
  };
  EXPECT_THAT(error(), HasSubstr("--tokens \"" + path_ + "\": open"));
  Replace(Line("alice", "a"), 0640);
  EXPECT_THAT(error(), AllOf(HasSubstr("--tokens"), HasSubstr("0640")));
  Replace(Line("alice", "a") + "bob\n");
  EXPECT_THAT(error(), AllOf(HasSubstr("--tokens"), HasSubstr("line 2: ")));
}

}  // namespace
}  // namespace lockstep
