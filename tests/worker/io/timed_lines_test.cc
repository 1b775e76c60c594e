#include "worker/io/timed_lines.h"

#include <sstream>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

class TimedLinesTest : public ::testing::Test {
 protected:
  absl::Time now_ = absl::FromUnixMillis(1'780'000'000'250);
  std::ostringstream out_;
};

TEST_F(TimedLinesTest, EachLineBeginsWithTheTimeOfItsFirstCharacter) {
  {
    const TimedLines timed(out_, [this] { return now_; });
    out_ << "one " << 1;
    now_ += absl::Seconds(1);
    out_ << " more\ntwo\n";
  }
  EXPECT_EQ(out_.str(),
            "2026-05-28T20:26:40.250Z one 1 more\n"
            "2026-05-28T20:26:41.250Z two\n");
}

TEST_F(TimedLinesTest, ALineGoesOutWhole) {
  std::ostringstream out;
  std::ostream stream(out.rdbuf());
  {
    const TimedLines timed(stream, [this] { return now_; });
    stream << "half" << std::flush;
    EXPECT_EQ(out.str(), "");
    stream << " of it\n";
    EXPECT_EQ(out.str(), "2026-05-28T20:26:40.250Z half of it\n");
    stream << "the last";
  }
  EXPECT_EQ(out.str(),
            "2026-05-28T20:26:40.250Z half of it\n"
            "2026-05-28T20:26:40.250Z the last");
  stream << "\nplain again\n";
  EXPECT_TRUE(out.str().ends_with("the last\nplain again\n"));
}

TEST_F(TimedLinesTest, AnEmptyLineHasATimeToo) {
  {
    const TimedLines timed(out_, [this] { return now_; });
    out_ << "\n";
  }
  EXPECT_EQ(out_.str(), "2026-05-28T20:26:40.250Z \n");
}

}  // namespace
}  // namespace lockstep
