#include "server/launcher/local_node.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(LocalNodeTest, ShowsSlotsAndGpus) {
  const v1::Node node =
      LocalNode("box", 2, {{"GPU-1", "H100", int64_t{80} << 30}});
  EXPECT_EQ(node.name(), "nodes/box");
  ASSERT_EQ(node.devices_size(), 3);
  EXPECT_EQ(node.devices(1).id(), "cpu:1");
  EXPECT_EQ(node.devices(1).kind(), v1::Device::CPU);
  EXPECT_EQ(node.devices(1).memory_bytes(), 0);
  EXPECT_EQ(node.devices(2).id(), "GPU-1");
  EXPECT_EQ(node.devices(2).kind(), v1::Device::CUDA);
  EXPECT_EQ(node.devices(2).model(), "H100");
  EXPECT_EQ(node.devices(2).memory_bytes(), int64_t{80} << 30);
}

TEST(LocalNodeTest, AHostHasAName) { EXPECT_NE(HostName(), ""); }

}  // namespace
}  // namespace lockstep
