#include "worker/supervise/oom_watch.h"

#include <fstream>

#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

const absl::Time kBegin = absl::FromUnixSeconds(1000);

class OomWatchTest : public ::testing::Test {
 protected:
  void Say(const std::string& text) const {
    std::ofstream(dir_.Path("vmstat")) << text;
  }
  OomWatch Watch() const { return {dir_.Path("vmstat"), kBegin}; }

  const testing::ScopedTempDir dir_;
};

TEST_F(OomWatchTest, CountsKillsAlone) {
  Say("pgfault 7\noom_kill 2\nthp_fault 9\n");
  const OomWatch watch = Watch();
  EXPECT_FALSE(watch.KilledLately());
  Say("pgfault 8\noom_kill 2\nthp_fault 10\n");
  EXPECT_FALSE(watch.KilledLately());
  Say("pgfault 8\noom_kill 3\nthp_fault 10\n");
  EXPECT_TRUE(watch.KilledLately());
}

TEST_F(OomWatchTest, WhatWasLongAgoIsNoNews) {
  Say("oom_kill 2\n");
  OomWatch watch = Watch();
  Say("oom_kill 3\n");
  watch.Look(kBegin + OomWatch::kLately - absl::Seconds(1));
  watch.Look(kBegin + OomWatch::kLately);
  // It may still be what ends now.
  EXPECT_TRUE(watch.KilledLately());
  watch.Look(kBegin + 2 * OomWatch::kLately);
  EXPECT_FALSE(watch.KilledLately());
  Say("oom_kill 4\n");
  EXPECT_TRUE(watch.KilledLately());
}

TEST_F(OomWatchTest, AKernelThatSaysNothingKillsNobody) {
  const OomWatch none = Watch();
  EXPECT_FALSE(none.KilledLately());
  Say("pgfault 7\n");
  const OomWatch silent = Watch();
  EXPECT_FALSE(silent.KilledLately());
  // Nor is what it says later compared with nothing.
  Say("oom_kill 3\n");
  EXPECT_FALSE(none.KilledLately());
  EXPECT_FALSE(silent.KilledLately());
}

}  // namespace
}  // namespace lockstep
