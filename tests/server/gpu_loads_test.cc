#include "server/gpu_loads.h"

#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"

namespace lockstep {
namespace {

using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

TEST(GpuLoadsTest, SaysWhatEachGpuDoes) {
  testing::FakeClock clock;
  GpuLoads loads(clock, GpuMonitor::Open(LOCKSTEP_FAKE_NVML));

  const auto read = loads.Read();

  // The second has fallen off the bus.
  ASSERT_THAT(read, UnorderedElementsAre(Key("GPU-fake0"), Key("GPU-fake2")));
  const v1::DeviceLoad& load = read.at("GPU-fake0");
  EXPECT_DOUBLE_EQ(load.utilization_ratio(), 0.75);
  EXPECT_EQ(load.memory_used_bytes(), int64_t{10} << 30);
  EXPECT_DOUBLE_EQ(load.power_watts(), 699.5);
  EXPECT_DOUBLE_EQ(load.temperature_celsius(), 61);
  // It does not tell its power.
  EXPECT_DOUBLE_EQ(read.at("GPU-fake2").power_watts(), 0);
}

TEST(GpuLoadsTest, TheDriverIsAskedAtMostOnceASecond) {
  testing::FakeClock clock;
  GpuLoads loads(clock, GpuMonitor::Open(LOCKSTEP_FAKE_NVML));
  const auto used = [&] { return loads.Read().at("GPU-fake0").power_watts(); };
  ASSERT_EQ(setenv("LOCKSTEP_FAKE_NVML_MILLIWATTS", "1000", 1), 0);
  EXPECT_DOUBLE_EQ(used(), 1);

  ASSERT_EQ(setenv("LOCKSTEP_FAKE_NVML_MILLIWATTS", "2000", 1), 0);
  clock.Advance(absl::Milliseconds(999));
  EXPECT_DOUBLE_EQ(used(), 1);
  clock.Advance(absl::Milliseconds(1));
  EXPECT_DOUBLE_EQ(used(), 2);
  unsetenv("LOCKSTEP_FAKE_NVML_MILLIWATTS");
}

TEST(GpuLoadsTest, WithoutADriverNothingIsKnown) {
  testing::FakeClock clock;
  EXPECT_THAT(GpuLoads(clock, nullptr).Read(), IsEmpty());
}

}  // namespace
}  // namespace lockstep
