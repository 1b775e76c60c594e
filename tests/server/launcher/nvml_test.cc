#include "server/launcher/nvml.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(NvmlTest, FindsTheGpusThatAnswer) {
  const std::vector<Gpu> gpus = FindGpus(LOCKSTEP_FAKE_NVML);
  ASSERT_THAT(gpus, SizeIs(2));
  EXPECT_EQ(gpus[0].uuid, "GPU-0");
  EXPECT_EQ(gpus[1].uuid, "GPU-2");
  EXPECT_EQ(gpus[1].name, "Fake H100");
  EXPECT_EQ(gpus[1].memory_bytes, int64_t{80} << 30);
}

TEST(NvmlTest, ThereAreNoneWithoutADriver) {
  EXPECT_THAT(FindGpus("libno-such-driver.so.1"), IsEmpty());
}

TEST(NvmlTest, ThereAreNoneInALibraryThatIsNoDriver) {
  EXPECT_THAT(FindGpus("libc.so.6"), IsEmpty());
}

}  // namespace
}  // namespace lockstep
