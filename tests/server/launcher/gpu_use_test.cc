#include "server/launcher/gpu_use.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int64_t kGiB = int64_t{1} << 30;

bool IsOurs(int process) { return process >= 1000; }

TEST(GpuUseTest, AnIdleGpuIsNobodys) {
  EXPECT_EQ(ForeignUse({.uuid = "GPU-0", .memory_used_bytes = 0}, IsOurs), "");
  // What a driver and a desktop take.
  EXPECT_EQ(ForeignUse({.memory_used_bytes = kIdleGpuBytes}, IsOurs), "");
}

TEST(GpuUseTest, OurOwnProcessesAreNotForeignHoweverMuchTheyTake) {
  EXPECT_EQ(
      ForeignUse({.memory_used_bytes = 70 * kGiB, .processes = {1000, 1001}},
                 IsOurs),
      "");
}

TEST(GpuUseTest, StrangersAreNamedHoweverLittleTheyTake) {
  EXPECT_EQ(
      ForeignUse({.memory_used_bytes = kGiB / 2, .processes = {7}}, IsOurs),
      "process 7");
  EXPECT_EQ(ForeignUse({.processes = {8, 7, 1000, 8}}, IsOurs),
            "processes 7, 8");
}

TEST(GpuUseTest, ThoseThatAreHiddenAreToldByTheirMemory) {
  EXPECT_EQ(ForeignUse({.memory_used_bytes = kIdleGpuBytes + 1}, IsOurs),
            "hidden processes, 2 GiB in use");
  EXPECT_EQ(ForeignUse({.memory_used_bytes = 71 * kGiB + 5}, IsOurs),
            "hidden processes, 71 GiB in use");
}

TEST(GpuUseTest, OnlyWhatIsUsedIsListed) {
  EXPECT_THAT(ForeignUsesOf({{.uuid = "GPU-0", .processes = {7}},
                             {.uuid = "GPU-1", .processes = {1000}},
                             {.uuid = "GPU-2"}},
                            IsOurs),
              ElementsAre(Pair("GPU-0", "process 7")));
  EXPECT_THAT(ForeignUsesOf({}, IsOurs), IsEmpty());
}

}  // namespace
}  // namespace lockstep
