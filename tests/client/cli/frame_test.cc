#include "client/cli/frame.h"

#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

TEST(FrameTest, HoldsWhatIsWritten) {
  Frame frame(8, 2);
  frame.Write(0, 2, "ab▏c");
  frame.WriteLine(1, "line");

  EXPECT_EQ(frame.Text(), "  ab▏c\nline\n");
}

TEST(FrameTest, CutsOffWhatLiesOutside) {
  Frame frame(3, 1);
  frame.Write(0, -1, "abcdef");
  frame.Write(1, 0, "x");
  frame.Write(-1, 0, "x");

  EXPECT_EQ(frame.Text(), "bcd\n");
}

TEST(RedrawTest, SendsNothingForTheSamePicture) {
  Frame frame(8, 2);
  frame.Write(0, 0, "same");
  EXPECT_EQ(Redraw(frame, frame), "");
}

TEST(RedrawTest, SendsOnlyTheCellsThatChanged) {
  Frame before(8, 2);
  before.Write(1, 0, "step 12");
  Frame after(8, 2);
  after.Write(1, 0, "step 23");
  EXPECT_EQ(Redraw(before, after), "\x1b[2;6H23");
}

TEST(RedrawTest, StylesEndWhereTheyEnd) {
  const Frame before(4, 1);
  Frame after(4, 1);
  after.Write(0, 0, "a", Style::kReverse);
  after.Write(0, 1, "b");
  EXPECT_EQ(Redraw(before, after), "\x1b[1;1H\x1b[0;7ma\x1b[0mb");

  Frame bold(4, 1);
  bold.Write(0, 3, "c", Style::kBold);
  EXPECT_EQ(Redraw(before, bold), "\x1b[1;4H\x1b[0;1mc\x1b[0m");
}

TEST(RedrawTest, AnotherSizeIsDrawnAnew) {
  Frame before(4, 1);
  before.Write(0, 0, "a");
  Frame after(5, 1);
  after.Write(0, 0, "a");
  EXPECT_EQ(Redraw(before, after), "\x1b[0m\x1b[2J\x1b[1;1Ha");
}

}  // namespace
}  // namespace lockstep::cli
