#include "server/launcher/nvml.h"

#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(NvmlTest, FindsTheGpusThatAnswer) {
  const std::vector<Gpu> gpus = FindGpus(LOCKSTEP_FAKE_NVML);
  ASSERT_THAT(gpus, SizeIs(2));
  EXPECT_EQ(gpus[0].uuid, "GPU-fake0");
  EXPECT_EQ(gpus[1].uuid, "GPU-fake2");
  EXPECT_EQ(gpus[1].name, "Fake H100");
  EXPECT_EQ(gpus[1].memory_bytes, int64_t{80} << 30);
}

TEST(NvmlTest, ReadsWhatEachGpuTells) {
  const auto monitor = GpuMonitor::Open(LOCKSTEP_FAKE_NVML);
  ASSERT_NE(monitor, nullptr);

  const std::vector<GpuReading> readings = monitor->Read();

  ASSERT_THAT(readings, SizeIs(2));
  EXPECT_EQ(readings[0].uuid, "GPU-fake0");
  EXPECT_EQ(readings[0].memory_used_bytes, int64_t{10} << 30);
  EXPECT_EQ(readings[0].utilization, 0.75);
  EXPECT_EQ(readings[0].power_watts, 699.5);
  EXPECT_EQ(readings[0].energy_joules, 5000000.5);
  EXPECT_EQ(readings[0].temperature_celsius, 61);
  EXPECT_EQ(readings[0].sm_clock_hertz, 1.98e9);
  EXPECT_EQ(readings[1].power_watts, std::nullopt);
}

TEST(NvmlTest, TellsWhoUsesEachGpu) {
  const auto monitor = GpuMonitor::Open(LOCKSTEP_FAKE_NVML);
  ASSERT_NE(monitor, nullptr);

  const std::vector<GpuUse> uses = monitor->Uses();

  ASSERT_THAT(uses, SizeIs(2));
  EXPECT_EQ(uses[0].uuid, "GPU-fake0");
  EXPECT_EQ(uses[0].memory_used_bytes, int64_t{10} << 30);
  // More than there is room for at first.
  ASSERT_THAT(uses[0].processes, SizeIs(40));
  EXPECT_THAT(uses[0].processes, Each(getpid()));
  EXPECT_EQ(uses[1].uuid, "GPU-fake2");
  EXPECT_THAT(uses[1].processes, IsEmpty());
}

TEST(NvmlTest, ThereAreNoneWithoutADriver) {
  EXPECT_THAT(FindGpus("libno-such-driver.so.1"), IsEmpty());
}

TEST(NvmlTest, ThereAreNoneInALibraryThatIsNoDriver) {
  EXPECT_THAT(FindGpus("libc.so.6"), IsEmpty());
}

}  // namespace
}  // namespace lockstep
