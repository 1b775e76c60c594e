#include "proto/contract/printable.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(PrintableTest, WhatIsFitStaysAsItIs) {
  EXPECT_EQ(Printable("a row \"x\" \\ of Zürich, 日本, 🙂"),
            "a row \"x\" \\ of Zürich, 日本, 🙂");
  EXPECT_EQ(Printable(""), "");
}

TEST(PrintableTest, BytesThatAreNotUtf8AreSpelledOut) {
  EXPECT_EQ(Printable("a\xff\xfe z"), "a\\xff\\xfe z");
  EXPECT_EQ(Printable("cut \xe6\x97"), "cut \\xe6\\x97");
  // Overlong, a surrogate, and beyond the last character.
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(Printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(PrintableTest, WhatATerminalObeysIsSpelledOut) {
  EXPECT_EQ(Printable("a\nb\x1b[2Jc\x7f"), "a\\u000ab\\u001b[2Jc\\u007f");
  EXPECT_EQ(Printable("\u009b31m"), "\\u009b31m");
  EXPECT_EQ(Printable("\u2028x\u202ey\u2066"), "\\u2028x\\u202ey\\u2066");
}

TEST(PrintableTest, WhatIsTooLongIsCutBetweenCharacters) {
  EXPECT_EQ(Printable("abcdef", 4), "abcd...");
  EXPECT_EQ(Printable("日本語", 4), "日本...");
  EXPECT_EQ(Printable("abcd", 4), "abcd");
}

}  // namespace
}  // namespace lockstep
