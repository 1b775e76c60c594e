#include "client/cli/numbered_name.h"

#include "gtest/gtest.h"
#include "proto/contract/resource_name.h"

namespace lockstep::cli {
namespace {

TEST(NumberedNameTest, KnowsANumberByItsMark) {
  EXPECT_EQ(ParseNumberedName("demo-r2", "-r").base, "demo");
  EXPECT_EQ(ParseNumberedName("demo-r2", "-r").number, 2);
  EXPECT_EQ(ParseNumberedName("a-r1b-r17", "-r").number, 17);
  EXPECT_EQ(ParseNumberedName("demo-r2-c3", "-c").base, "demo-r2");
  EXPECT_EQ(ParseNumberedName("demo-r2-c3", "-c").number, 3);
  for (const char* name :
       {"demo", "demo-r", "demo-r1", "demo-r0", "demo-rc", "-r2", "r2",
        "demo-r99999999999", "demo-r2x", "demo-c2"}) {
    EXPECT_EQ(ParseNumberedName(name, "-r").base, name);
    EXPECT_EQ(ParseNumberedName(name, "-r").number, 1) << name;
  }
}

TEST(NumberedNameTest, NamesAreIds) {
  EXPECT_EQ(NumberedNameOf("demo", "-r", 2), "demo-r2");
  const std::string longest = NumberedNameOf(std::string(63, 'a'), "-r", 12);
  EXPECT_EQ(longest.size(), 63u);
  EXPECT_TRUE(IsValidJobId(longest));
  const std::string hyphen = std::string(59, 'a') + "-bcd";
  EXPECT_TRUE(IsValidJobId(NumberedNameOf(hyphen, "-c", 2)));
  EXPECT_EQ(NumberedNameOf(hyphen, "-c", 2), std::string(59, 'a') + "-c2");
}

TEST(NumberedNameTest, FoldersLieBesideTheOldOne) {
  EXPECT_EQ(NumberedFolder("/out/demo", "-r", 2), "/out/demo-r2");
  EXPECT_EQ(NumberedFolder("/out/demo-r2", "-r", 3), "/out/demo-r3");
  EXPECT_EQ(NumberedFolder("/out/demo-r2", "-c", 2), "/out/demo-r2-c2");
  EXPECT_EQ(NumberedFolder("/out/demo//", "-r", 2), "/out/demo-r2");
}

}  // namespace
}  // namespace lockstep::cli
