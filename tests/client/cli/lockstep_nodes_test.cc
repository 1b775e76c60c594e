// `lockstep nodes` of the built program, against a coordinator that plays a
// part.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class LockstepNodesTest : public ::testing::Test {
 protected:
  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  FakeCoordinator coordinator_;
};

v1::Node BoxWith(const v1::Device& device) {
  v1::Node node;
  node.set_name("nodes/box");
  *node.add_devices() = device;
  return node;
}

TEST_F(LockstepNodesTest, NodesAreListedByDevice) {
  v1::Device device;
  device.set_id("cpu:0");
  device.set_kind(v1::Device::CPU);
  device.set_job("jobs/demo");
  coordinator_.cluster.nodes = {BoxWith(device)};

  EXPECT_THAT(Lockstep({"nodes", "list"}).out,
              MatchesRegex("NODE +DEVICE +KIND +MODEL +MEMORY +JOB\n"
                           "box +cpu:0 +CPU +- +- +demo\n"));
}

TEST_F(LockstepNodesTest, NodesHaveTheirGpusFirstAndFreeSlotsInOneRow) {
  v1::Node node;
  node.set_name("nodes/box");
  for (int i = 0; i < 4; ++i) {
    v1::Device& slot = *node.add_devices();
    slot.set_id(absl::StrCat("cpu:", i));
    slot.set_kind(v1::Device::CPU);
    if (i == 2) slot.set_job("jobs/demo");
  }
  v1::Device& gpu = *node.add_devices();
  gpu.set_id("GPU-0");
  gpu.set_kind(v1::Device::CUDA);
  coordinator_.cluster.nodes = {node};

  EXPECT_THAT(Lockstep({"nodes", "list"}).out,
              MatchesRegex("NODE.*\n"
                           "box +GPU-0 +CUDA +- +- +-\n"
                           "box +cpu:2 +CPU +- +- +demo\n"
                           "box +cpu \\(3 free\\) +CPU +- +- +-\n"));
}

TEST_F(LockstepNodesTest, ADeviceThatOthersUseIsListedWithThem) {
  v1::Device device;
  device.set_id("GPU-0");
  device.set_kind(v1::Device::CUDA);
  device.set_used_by("process 7");
  coordinator_.cluster.nodes = {BoxWith(device)};

  EXPECT_THAT(Lockstep({"nodes", "list"}).out, HasSubstr("(process 7)\n"));
  EXPECT_THAT(Lockstep({"nodes", "list", "-o", "json"}).out,
              HasSubstr("\"used_by\": \"process 7\""));
}

TEST_F(LockstepNodesTest, ADeviceOutOfUseIsListedWithWhy) {
  v1::Node node;
  node.set_name("nodes/box");
  for (int i = 0; i < 3; ++i) {
    v1::Device& slot = *node.add_devices();
    slot.set_id(absl::StrCat("cpu:", i));
    slot.set_kind(v1::Device::CPU);
    if (i == 0) slot.set_job("jobs/demo");
    if (i < 2) slot.set_drained("its fan");
  }
  coordinator_.cluster.nodes = {node};

  EXPECT_THAT(Lockstep({"nodes", "list"}).out,
              MatchesRegex("NODE.*\n"
                           "box +cpu:0 +CPU +- +- +demo \\(its fan\\)\n"
                           "box +cpu:1 +CPU +- +- +\\(its fan\\)\n"
                           "box +cpu \\(1 free\\) +CPU +- +- +-\n"));
}

TEST_F(LockstepNodesTest, DevicesAreTakenOutOfUseAndBack) {
  EXPECT_EQ(Lockstep({"nodes", "drain", "cpu:0", "--reason", "its fan"}).out,
            "cpu:0 is drained\n");
  EXPECT_EQ(Lockstep({"nodes", "undrain", "cpu:0"}).out,
            "cpu:0 is given to jobs again\n");
  EXPECT_THAT(coordinator_.cluster.drains,
              ElementsAre("cpu:0: its fan", "undrain cpu:0"));
  EXPECT_THAT(
      Lockstep({"nodes", "drain", "cpu:0", "--reason", "x", "-o", "json"}).out,
      HasSubstr("\"drained\": \"x\""));
  EXPECT_EQ(Lockstep({"nodes", "drain", "cpu:0"}).exit_code, 2);
}

TEST_F(LockstepNodesTest, ANodeStandsForAllItHas) {
  v1::Node node;
  node.set_name("nodes/box");
  node.add_devices()->set_id("GPU-1");
  node.add_devices()->set_id("cpu:0");
  v1::Node other;
  other.set_name("nodes/other");
  other.add_devices()->set_id("box2");
  coordinator_.cluster.nodes = {node, other};

  EXPECT_EQ(Lockstep({"nodes", "drain", "box", "--reason", "its disk"}).out,
            "GPU-1 is drained\ncpu:0 is drained\n");
  EXPECT_EQ(Lockstep({"nodes", "undrain", "box"}).out,
            "GPU-1 is given to jobs again\ncpu:0 is given to jobs again\n");
  EXPECT_THAT(coordinator_.cluster.drains,
              ElementsAre("GPU-1: its disk", "cpu:0: its disk", "undrain GPU-1",
                          "undrain cpu:0"));
  EXPECT_THAT(
      Lockstep({"nodes", "drain", "box", "--reason", "x", "-o", "json"}).out,
      AllOf(HasSubstr("\"name\": \"nodes/box\""), HasSubstr("\"GPU-1\"")));
  // A device is what it is, whatever a node is called.
  coordinator_.cluster.nodes[1].set_name("nodes/cpu:0");
  coordinator_.cluster.drains.clear();
  Lockstep({"nodes", "drain", "cpu:0", "--reason", "x"});
  EXPECT_THAT(coordinator_.cluster.drains, ElementsAre("cpu:0: x"));
}

}  // namespace
}  // namespace lockstep::testing
