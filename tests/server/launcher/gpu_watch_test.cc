#include "server/launcher/gpu_watch.h"

#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kHidden[] = "hidden processes, 10 GiB in use";

// The fake's first GPU is used by this process, its last by one that is hidden.
TEST(GpuWatchTest, ReadsAtOnceAndThenAgain) {
  const std::string mine = absl::StrCat("process ", getpid());
  std::atomic<int> readings = 0;
  absl::Notification again;

  const GpuWatch watch(
      GpuMonitor::Open(LOCKSTEP_FAKE_NVML),
      {.interval = absl::Milliseconds(1),
       .is_ours = [](int) { return false; },
       .listener =
           [&](const ForeignUses& uses) {
             EXPECT_THAT(uses, ElementsAre(Pair("GPU-fake0", mine),
                                           Pair("GPU-fake2", kHidden)));
             if (++readings == 3) again.Notify();
           }});

  EXPECT_GE(readings, 1);
  again.WaitForNotification();
}

TEST(GpuWatchTest, EndsWhileItWaits) {
  ForeignUses last;

  {
    const GpuWatch watch(
        GpuMonitor::Open(LOCKSTEP_FAKE_NVML),
        {.interval = absl::Hours(1),
         .is_ours = [](int process) { return process == getpid(); },
         .listener = [&](ForeignUses uses) { last = std::move(uses); }});
  }

  EXPECT_THAT(last, ElementsAre(Pair("GPU-fake2", kHidden)));
}

}  // namespace
}  // namespace lockstep
