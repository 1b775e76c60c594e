#include "server/service/bind_address.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(BindAddressTest, RanksOfOneHostStayOnLoopback) {
  for (const char* peer :
       {"unix:", "unix:/run/x.sock", "ipv4:127.0.0.1:5000", "ipv6:[::1]:5000",
        "ipv6:%5B::1%5D:5000", "ipv6:[::ffff:127.0.0.1]:5000", "", "garbage"}) {
    EXPECT_EQ(BindAddress(peer), "127.0.0.1") << peer;
  }
}

TEST(BindAddressTest, OfOthersItIsTheAddressTheyComeFrom) {
  EXPECT_EQ(BindAddress("ipv4:10.77.0.11:34512"), "10.77.0.11");
  EXPECT_EQ(BindAddress("ipv6:[fd00::7]:34512"), "fd00::7");
  EXPECT_EQ(BindAddress("ipv6:%5Bfd00::7%5D:34512"), "fd00::7");
  EXPECT_EQ(BindAddress("ipv6:[::ffff:10.0.0.7]:34512"), "10.0.0.7");
}

}  // namespace
}  // namespace lockstep
