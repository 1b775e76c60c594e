#include "worker/coordinator/gpu_gauge.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using worker::v1::GpuReading;

class GpuGaugeTest : public ::testing::Test {
 protected:
  ~GpuGaugeTest() override {
    unsetenv("LOCKSTEP_FAKE_NVML_MILLIWATTS");
    unsetenv("LOCKSTEP_FAKE_NVML_PIPE");
  }

  // On a busy machine, too.
  GpuGaugeOptions Patient(absl::Duration patience = absl::Seconds(60)) {
    return {.library = LOCKSTEP_FAKE_NVML,
            .patience = patience,
            .now = [seconds = seconds_] {
              return absl::FromUnixSeconds(*seconds);
            }};
  }

  // A driver that hangs may answer after the test.
  const std::shared_ptr<std::atomic<int>> seconds_ =
      std::make_shared<std::atomic<int>>(1000);
};

TEST_F(GpuGaugeTest, TellsWhatItsGpuDoes) {
  GpuGauge gauge("GPU-fake0", Patient());

  const std::optional<GpuReading> reading = gauge.Read();

  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->uuid(), "GPU-fake0");
  EXPECT_EQ(reading->memory_used_bytes(), int64_t{10} << 30);
  EXPECT_EQ(reading->memory_total_bytes(), int64_t{80} << 30);
  EXPECT_EQ(reading->utilization_ratio(), 0.75);
  EXPECT_EQ(reading->power_watts(), 699.5);
  EXPECT_EQ(reading->energy_joules(), 5000000.5);
  EXPECT_EQ(reading->temperature_celsius(), 61);
  EXPECT_EQ(reading->sm_clock_hertz(), 1.98e9);
}

TEST_F(GpuGaugeTest, SaysNothingOfWhatTheGpuDoesNotTell) {
  GpuGauge gauge("GPU-fake2", Patient());

  const std::optional<GpuReading> reading = gauge.Read();

  ASSERT_TRUE(reading.has_value());
  EXPECT_FALSE(reading->has_power_watts());
  EXPECT_TRUE(reading->has_energy_joules());
  // The errors are another one's.
  EXPECT_EQ(reading->xid_errors_size(), 0);
}

TEST_F(GpuGaugeTest, CountsErrorsSinceItBegan) {
  GpuGauge gauge("GPU-fake0", Patient());
  for (int i = 0; i < 2; ++i) {
    const std::optional<GpuReading> reading = gauge.Read();
    ASSERT_TRUE(reading.has_value());
    // The driver told each once.
    EXPECT_THAT(reading->xid_errors(),
                UnorderedElementsAre(Pair(31, 2), Pair(79, 1)));
    *seconds_ += 1;
  }
}

TEST_F(GpuGaugeTest, AsksTheDriverAtMostOnceASecond) {
  GpuGauge gauge("GPU-fake0", Patient());
  setenv("LOCKSTEP_FAKE_NVML_MILLIWATTS", "100000", 1);
  EXPECT_EQ(gauge.Read()->power_watts(), 100);

  setenv("LOCKSTEP_FAKE_NVML_MILLIWATTS", "200000", 1);
  EXPECT_EQ(gauge.Read()->power_watts(), 100);

  *seconds_ += 1;
  EXPECT_EQ(gauge.Read()->power_watts(), 200);
}

TEST_F(GpuGaugeTest, AGpuThatTheDriverDoesNotShowTellsNothing) {
  GpuGauge gauge("GPU-fake1", Patient());
  EXPECT_EQ(gauge.Read(), std::nullopt);
}

TEST_F(GpuGaugeTest, WithoutADriverThereIsNothingToTell) {
  GpuGaugeOptions options = Patient();
  options.library = "libno-such-driver.so.1";
  GpuGauge gauge("GPU-fake0", options);
  EXPECT_EQ(gauge.Read(), std::nullopt);
}

TEST_F(GpuGaugeTest, ADriverThatDoesNotAnswerIsWaitedForOnce) {
  const testing::ScopedTempDir dir;
  const std::string pipe = dir.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  setenv("LOCKSTEP_FAKE_NVML_PIPE", pipe.c_str(), 1);
  GpuGauge gauge("GPU-fake0", Patient(absl::Milliseconds(1)));
  EXPECT_EQ(gauge.Read(), std::nullopt);

  // Would wait for a minute if it waited.
  const absl::Time before = absl::Now();
  for (int i = 0; i < 60'000; ++i) {
    ASSERT_EQ(gauge.Read(), std::nullopt);
    *seconds_ += 1;
  }
  EXPECT_LT(absl::Now() - before, absl::Seconds(60));

  // And one that answers late has answered. The clock is set before it can, or
  // its answer may bear the old time, and count as one of long ago.
  *seconds_ = 1000;
  close(open(pipe.c_str(), O_WRONLY | O_CLOEXEC));
  std::optional<GpuReading> reading;
  while (!(reading = gauge.Read()).has_value()) std::this_thread::yield();
  EXPECT_EQ(reading->uuid(), "GPU-fake0");
}

TEST_F(GpuGaugeTest, ALateAnswerIsToldUntilItIsOld) {
  const testing::ScopedTempDir dir;
  const std::string pipe = dir.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  setenv("LOCKSTEP_FAKE_NVML_PIPE", pipe.c_str(), 1);

  GpuGauge slow("GPU-fake0", Patient(absl::Milliseconds(1)));
  EXPECT_EQ(slow.Read(), std::nullopt);
  close(open(pipe.c_str(), O_WRONLY | O_CLOEXEC));
  while (!slow.Read().has_value()) std::this_thread::yield();

  // Asked anew, it is slow again.
  *seconds_ += 9;
  EXPECT_TRUE(slow.Read().has_value());
  *seconds_ += 2;
  EXPECT_EQ(slow.Read(), std::nullopt);
  close(open(pipe.c_str(), O_WRONLY | O_CLOEXEC));
}

TEST_F(GpuGaugeTest, ADriverThatHangsDoesNotKeepTheRank) {
  const testing::ScopedTempDir dir;
  const std::string pipe = dir.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  setenv("LOCKSTEP_FAKE_NVML_PIPE", pipe.c_str(), 1);
  {
    GpuGauge gauge("GPU-fake0", Patient(absl::Milliseconds(1)));
    EXPECT_EQ(gauge.Read(), std::nullopt);
    while (access((pipe + ".asked").c_str(), F_OK) != 0) {
      std::this_thread::yield();
    }
  }
  // Here at last; the thread ends when the driver answers.
  close(open(pipe.c_str(), O_WRONLY | O_CLOEXEC));
}

}  // namespace
}  // namespace lockstep
