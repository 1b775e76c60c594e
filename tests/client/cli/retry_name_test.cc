#include "client/cli/retry_name.h"

#include "gtest/gtest.h"
#include "proto/contract/resource_name.h"

namespace lockstep::cli {
namespace {

TEST(RetryNameTest, KnowsARetryByItsSuffix) {
  EXPECT_EQ(ParseRetryName("demo-r2").base, "demo");
  EXPECT_EQ(ParseRetryName("demo-r2").number, 2);
  EXPECT_EQ(ParseRetryName("a-r1b-r17").number, 17);
  for (const char* name : {"demo", "demo-r", "demo-r1", "demo-r0", "demo-rc",
                           "-r2", "r2", "demo-r99999999999", "demo-r2x"}) {
    EXPECT_EQ(ParseRetryName(name).base, name);
    EXPECT_EQ(ParseRetryName(name).number, 1) << name;
  }
}

TEST(RetryNameTest, NamesAreIds) {
  EXPECT_EQ(RetryNameOf("demo", 2), "demo-r2");
  const std::string longest = RetryNameOf(std::string(63, 'a'), 12);
  EXPECT_EQ(longest.size(), 63u);
  EXPECT_TRUE(IsValidJobId(longest));
  EXPECT_TRUE(IsValidJobId(RetryNameOf(std::string(59, 'a') + "-bcd", 2)));
  EXPECT_EQ(RetryNameOf(std::string(59, 'a') + "-bcd", 2),
            std::string(59, 'a') + "-r2");
}

TEST(RetryNameTest, FoldersLieBesideTheOldOne) {
  EXPECT_EQ(RetryFolder("/out/demo", 2), "/out/demo-r2");
  EXPECT_EQ(RetryFolder("/out/demo-r2", 3), "/out/demo-r3");
  EXPECT_EQ(RetryFolder("/out/demo//", 2), "/out/demo-r2");
}

}  // namespace
}  // namespace lockstep::cli
