#include "proto/contract/trace_context.h"

#include <string>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Header(const std::string& version, const std::string& flags) {
  return version + "-" + kTrace + "-" + kParent + "-" + flags;
}

TEST(TraceContextTest, ReadsWhatTheStandardShows) {
  const auto context = ParseTraceparent(Header("00", "01"));
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id, kTrace);
  EXPECT_EQ(context->parent_id, kParent);
  EXPECT_TRUE(context->sampled);
  EXPECT_FALSE(ParseTraceparent(Header("00", "00"))->sampled);
  // The other bits say something else.
  EXPECT_FALSE(ParseTraceparent(Header("00", "fe"))->sampled);
  EXPECT_TRUE(ParseTraceparent(Header("00", "ff"))->sampled);
}

TEST(TraceContextTest, ReadsWhatIsKnownOfALaterVersion) {
  EXPECT_TRUE(ParseTraceparent(Header("01", "01")).has_value());
  EXPECT_TRUE(ParseTraceparent(Header("cc", "01-more-of-it")).has_value());
  EXPECT_FALSE(ParseTraceparent(Header("cc", "01more")).has_value());
}

TEST(TraceContextTest, IgnoresWhatTheStandardTellsToIgnore) {
  const std::string good = Header("00", "01");
  const std::string zeros32(32, '0'), zeros16(16, '0');
  for (const std::string& bad :
       {std::string(), std::string("00"), good.substr(1),
        good.substr(0, good.size() - 1), good + "-more", good + " ",
        Header("ff", "01"), Header("0G", "01"), Header("00", "0x"),
        "00-" + zeros32 + "-" + kParent + "-01",
        std::string("00-") + kTrace + "-" + zeros16 + "-01",
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-") + kParent + "-01",
        std::string("00_") + kTrace + "-" + kParent + "-01",
        std::string("00-") + kTrace + "_" + kParent + "-01",
        std::string("00-") + kTrace + "-" + kParent + "_01"}) {
    EXPECT_FALSE(ParseTraceparent(bad).has_value()) << bad;
  }
}

TEST(TraceContextTest, AnIdOfACallIsAWord) {
  EXPECT_EQ(CheckedRequestId("run-7_a.B"), "run-7_a.B");
  EXPECT_EQ(CheckedRequestId(std::string(64, 'a')), std::string(64, 'a'));
  for (const std::string& bad :
       {std::string(), std::string(65, 'a'), std::string("a b"),
        std::string("a\nb"), std::string("größe")}) {
    EXPECT_EQ(CheckedRequestId(bad), "") << bad;
  }
}

}  // namespace
}  // namespace lockstep
