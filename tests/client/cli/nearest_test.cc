#include "client/cli/nearest.h"

#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

TEST(NearestTest, CountsEditsAndSwaps) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("train", "train"), 0);
  EXPECT_EQ(EditDistance("trian", "train"), 1);
  EXPECT_EQ(EditDistance("lerning", "learning"), 1);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
}

TEST(NearestTest, FindsTheClosestWord) {
  EXPECT_EQ(NearestWord("submti", {"run", "submit", "watch"}), "submit");
  EXPECT_EQ(NearestWord("wat", {"wait", "watch"}), "wait");
}

TEST(NearestTest, SuggestsNothingFarFetched) {
  EXPECT_EQ(NearestWord("zzzzzz", {"run", "submit"}), "");
  EXPECT_EQ(NearestWord("xy", {"r"}), "");
  EXPECT_EQ(NearestWord(std::string(1000, 'a'), {"a"}), "");
}

}  // namespace
}  // namespace lockstep::cli
