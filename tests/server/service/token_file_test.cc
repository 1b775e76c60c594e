#include "server/service/token_file.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const std::string kDigest(64, 'a');

std::string Error(const std::string& text) {
  return std::string(ParseTokenFile(text).status().message());
}

TEST(TokenFileTest, AnEmptyFileNamesNobody) {
  EXPECT_THAT(*ParseTokenFile(""), IsEmpty());
  EXPECT_THAT(*ParseTokenFile("\n# nobody yet\n   \t\r\n"), IsEmpty());
}

TEST(TokenFileTest, ReadsWhatALineMaySay) {
  const auto entries = ParseTokenFile(
      absl::StrCat("alice ", kDigest, "\n", "  bob\t", std::string(64, 'B'),
                   " viewer expires 2027-01-31T12:00:00Z # a laptop\r\n",
                   "carol certificate admin revoked\n"));
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_THAT(*entries, SizeIs(3));
  const UserEntry& alice = (*entries)[0];
  EXPECT_EQ(alice.name, "alice");
  EXPECT_EQ(alice.role, Role::kUser);
  EXPECT_EQ(alice.digest, std::string(32, '\xaa'));
  EXPECT_EQ(alice.expires, absl::InfiniteFuture());
  EXPECT_FALSE(alice.revoked);
  const UserEntry& bob = (*entries)[1];
  EXPECT_EQ(bob.role, Role::kViewer);
  EXPECT_EQ(bob.digest, std::string(32, '\xbb'));
  EXPECT_EQ(absl::FormatTime(bob.expires, absl::UTCTimeZone()),
            "2027-01-31T12:00:00+00:00");
  const UserEntry& carol = (*entries)[2];
  EXPECT_EQ(carol.digest, "");
  EXPECT_EQ(carol.role, Role::kAdmin);
  EXPECT_TRUE(carol.revoked);
}

TEST(TokenFileTest, OnePersonMayHaveSeveralTokens) {
  EXPECT_THAT(
      *ParseTokenFile(absl::StrCat("a ", kDigest, "\na ", std::string(64, 'b'),
                                   "\na certificate\n")),
      SizeIs(3));
}

TEST(TokenFileTest, NamesTheLineAndWhatIsAllowed) {
  const std::pair<std::string, const char*> cases[] = {
      {"alice", "line 1: \"alice\" stands alone"},
      {absl::StrCat("\n\nal ice ", kDigest), "line 3: the second word has 3"},
      {absl::StrCat("local ", kDigest), "is no name of a user"},
      {absl::StrCat("\x1b[2J ", kDigest), "\\u001b[2J"},
      {"a certificate boss", "\"boss\" is none of viewer, user, admin"},
      {absl::StrCat("a ", kDigest, " expires"), "\"expires\" needs a time"},
      {absl::StrCat("a ", kDigest, " expires tomorrow"),
       "\"tomorrow\" is no time as in 2027-01-31T12:00:00Z"},
      // gRPC would have to be asked when it expires; the CA says it.
      {"a certificate expires 2027-01-31T12:00:00Z", "\"expires\" is none of"},
      {absl::StrCat("a ", kDigest, "\nb ", kDigest),
       "line 2: \"b\" has a token"},
      {"a certificate\na certificate", "that an earlier line has"},
      {"a certificate extra words", "\"extra\" is none of"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTokenFile(text).status())) << text;
    EXPECT_THAT(Error(text), HasSubstr(message));
  }
}

// The mistake that somebody will make.
TEST(TokenFileTest, ATokenInPlaceOfItsDigestIsNotRepeated) {
  const std::string token(40, 'f');
  EXPECT_THAT(Error("alice " + token),
              AllOf(HasSubstr("40 characters"), HasSubstr("token create"),
                    Not(HasSubstr(token))));
  EXPECT_FALSE(ParseTokenFile("alice " + std::string(64, 'g')).ok());
}

}  // namespace
}  // namespace lockstep
