#include "proto/contract/nvml.h"

#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::Each;
using ::testing::Field;
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

TEST(NvmlTest, ReadsOneThatIsAskedFor) {
  const auto monitor = GpuMonitor::Open(LOCKSTEP_FAKE_NVML);
  ASSERT_NE(monitor, nullptr);

  const std::optional<GpuReading> reading = monitor->ReadOne("GPU-fake2");

  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->uuid, "GPU-fake2");
  EXPECT_EQ(reading->utilization, 0.75);
  EXPECT_EQ(reading->power_watts, std::nullopt);
  // It has fallen off the bus; and there is no such one.
  EXPECT_EQ(monitor->ReadOne("GPU-fake1"), std::nullopt);
  EXPECT_EQ(monitor->ReadOne("GPU-fake"), std::nullopt);
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

TEST(NvmlTest, TellsEachErrorOnce) {
  const auto monitor = GpuMonitor::Open(LOCKSTEP_FAKE_NVML);
  ASSERT_NE(monitor, nullptr);
  // Nobody has asked the driver to remember them.
  EXPECT_THAT(monitor->TakeErrors(), IsEmpty());

  monitor->WatchErrors();
  const std::vector<GpuError> errors = monitor->TakeErrors();

  ASSERT_THAT(errors, SizeIs(3));
  EXPECT_THAT(errors, Each(Field(&GpuError::uuid, "GPU-fake0")));
  EXPECT_EQ(errors[0].xid, 31);
  EXPECT_EQ(errors[1].xid, 31);
  EXPECT_EQ(errors[2].xid, 79);
  EXPECT_THAT(monitor->TakeErrors(), IsEmpty());
}

TEST(NvmlTest, WatchesErrorsOnce) {
  const auto monitor = GpuMonitor::Open(LOCKSTEP_FAKE_NVML);
  ASSERT_NE(monitor, nullptr);
  monitor->WatchErrors();
  ASSERT_THAT(monitor->TakeErrors(), SizeIs(3));
  monitor->WatchErrors();
  EXPECT_THAT(monitor->TakeErrors(), IsEmpty());
}

TEST(NvmlTest, ADriverWithoutEventsTellsNoErrors) {
  const auto monitor = GpuMonitor::Open(LOCKSTEP_OLD_NVML);
  ASSERT_NE(monitor, nullptr);
  monitor->WatchErrors();
  EXPECT_THAT(monitor->TakeErrors(), IsEmpty());
  EXPECT_THAT(monitor->Read(), SizeIs(2));
}

TEST(NvmlTest, ThereAreNoneWithoutADriver) {
  EXPECT_THAT(FindGpus("libno-such-driver.so.1"), IsEmpty());
}

TEST(NvmlTest, ThereAreNoneInALibraryThatIsNoDriver) {
  EXPECT_THAT(FindGpus("libc.so.6"), IsEmpty());
}

}  // namespace
}  // namespace lockstep
