#include "server/launcher/xid.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(XidTest, ClassesAreThoseOfTheCatalogue) {
  for (const int xid : {13, 31, 43, 45}) {
    EXPECT_EQ(XidClass(xid), "application") << xid;
  }
  for (const int xid : {48, 63, 64, 92, 94, 95}) {
    EXPECT_EQ(XidClass(xid), "memory") << xid;
  }
  for (const int xid : {62, 79, 119, 120}) EXPECT_EQ(XidClass(xid), "gpu");
  EXPECT_EQ(XidClass(74), "nvlink");
}

TEST(XidTest, OthersAreUnknown) {
  EXPECT_EQ(XidClass(0), "unknown");
  EXPECT_EQ(XidClass(12), "unknown");
  EXPECT_EQ(XidClass(~uint64_t{0}), "unknown");
}

}  // namespace
}  // namespace lockstep
