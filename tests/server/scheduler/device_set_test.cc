#include "server/scheduler/device_set.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

// More than one word, and not a whole number of them.
constexpr size_t kDevices = 130;

DeviceSet Of(std::initializer_list<size_t> devices) {
  DeviceSet set(kDevices);
  for (const size_t device : devices) set.Add(device);
  return set;
}

TEST(DeviceSetTest, HasWhatWasAddedAndNotRemoved) {
  DeviceSet set = Of({0, 63, 64, 129});
  set.Remove(64);
  for (size_t device = 0; device < kDevices; ++device) {
    EXPECT_EQ(set.Has(device), device == 0 || device == 63 || device == 129)
        << device;
  }
}

TEST(DeviceSetTest, CountsWhatIsInBothAndNotInTheThird) {
  const DeviceSet free = Of({1, 64, 100, 129});
  const DeviceSet model = Of({1, 64, 129});
  EXPECT_EQ(DeviceSet::CountBoth(free, model, DeviceSet(kDevices)), 3);
  EXPECT_EQ(DeviceSet::CountBoth(free, model, Of({64, 100})), 2);
}

TEST(DeviceSetTest, OverlapsInAnyWord) {
  DeviceSet set = Of({5});
  EXPECT_FALSE(set.Overlaps(Of({6, 128})));
  set.AddAll(Of({128}));
  EXPECT_TRUE(set.Overlaps(Of({6, 128})));
  EXPECT_TRUE(set.Has(5));
}

}  // namespace
}  // namespace lockstep
