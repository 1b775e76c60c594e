#include "proto/contract/log_time.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

constexpr absl::Time kNoon = absl::FromUnixMillis(1'796'040'000'250);

TEST(LogTimeTest, IsAlwaysOfOneLength) {
  EXPECT_EQ(FormatLogTime(kNoon), "2026-11-30T12:00:00.250Z ");
  EXPECT_EQ(FormatLogTime(kNoon + absl::Milliseconds(750)),
            "2026-11-30T12:00:01.000Z ");
  EXPECT_EQ(FormatLogTime(kNoon).size(), kLogTimeBytes);
}

TEST(LogTimeTest, IsFoundAtTheBeginningOfALine) {
  EXPECT_EQ(LogTimeOf(absl::StrCat(FormatLogTime(kNoon), "step 1\n")), kNoon);
  EXPECT_EQ(LogTimeOf(FormatLogTime(kNoon)), kNoon);
}

TEST(LogTimeTest, ALineWithoutOneHasNone) {
  for (const char* line :
       {"", "step 1 of 10", "2026-11-30T12:00:00.250Z", "2026-11-30 12:00",
        " 2026-11-30T12:00:00.250Z x", "2026-13-30T12:00:00.250Z x",
        "2026-11-30T12:00:00.250+ x", "NCCL INFO a very long lineZ x"}) {
    EXPECT_EQ(LogTimeOf(line), std::nullopt) << line;
  }
}

}  // namespace
}  // namespace lockstep
