#include "server/scheduler/attempt_tokens.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(AttemptTokensTest, AreFoundUntilTheAttemptEnds) {
  AttemptTokens tokens;
  tokens.Put(TokenDigest("one"), {"jobs/a", 1});
  tokens.Put(TokenDigest("two"), {"jobs/a", 2});
  EXPECT_EQ(tokens.Find("one"), (AttemptRef{"jobs/a", 1}));
  EXPECT_EQ(tokens.Find("three"), std::nullopt);
  EXPECT_EQ(tokens.Find(TokenDigest("one")), std::nullopt);
  tokens.Remove({"jobs/a", 1});
  EXPECT_EQ(tokens.Find("one"), std::nullopt);
  EXPECT_EQ(tokens.Find("two"), (AttemptRef{"jobs/a", 2}));
}

TEST(AttemptTokensTest, TellWhichAttemptsLive) {
  AttemptTokens tokens;
  tokens.Put(TokenDigest("one"), {"jobs/a", 1});
  EXPECT_TRUE(tokens.Has({"jobs/a", 1}));
  EXPECT_FALSE(tokens.Has({"jobs/a", 2}));
  EXPECT_FALSE(tokens.Has({"jobs/b", 1}));
  tokens.Remove({"jobs/a", 1});
  EXPECT_FALSE(tokens.Has({"jobs/a", 1}));
}

TEST(AttemptTokensTest, DigestIsSha256) {
  EXPECT_EQ(TokenDigest("abc").substr(0, 4), "\xba\x78\x16\xbf");
}

}  // namespace
}  // namespace lockstep
