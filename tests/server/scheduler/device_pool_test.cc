#include "server/scheduler/device_pool.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

DevicePool PoolOf(int cpus, int gpus) {
  v1::Node node;
  node.set_name("nodes/here");
  for (int i = 0; i < cpus + gpus; ++i) {
    v1::Device& device = *node.add_devices();
    device.set_id(i < cpus ? "cpu:" + std::to_string(i)
                           : "GPU-" + std::to_string(i - cpus));
    device.set_kind(i < cpus ? v1::Device::CPU : v1::Device::CUDA);
  }
  return DevicePool({node});
}

v1::JobSpec SpecOf(v1::ResourceSpec::Device device, int ranks) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_device(device);
  spec.mutable_resources()->set_ranks(ranks);
  return spec;
}

TEST(DevicePoolTest, AutoIsAGpuWhereThereAreAny) {
  const v1::JobSpec spec = SpecOf(v1::ResourceSpec::DEVICE_AUTO, 1);
  EXPECT_EQ(PoolOf(4, 0).DemandOf(spec).kind, v1::Device::CPU);
  EXPECT_EQ(PoolOf(4, 2).DemandOf(spec).kind, v1::Device::CUDA);
  EXPECT_EQ(PoolOf(4, 2).DemandOf(spec).count, 1);
  EXPECT_EQ(PoolOf(4, 2).DemandOf(SpecOf(v1::ResourceSpec::DEVICE_CPU, 2)).kind,
            v1::Device::CPU);
}

TEST(DevicePoolTest, AutoIsCpuForWhatNoGpuTrains) {
  v1::JobSpec spec = SpecOf(v1::ResourceSpec::DEVICE_AUTO, 1);
  spec.mutable_model()->set_dtype(v1::ModelSpec::DTYPE_FLOAT32);
  EXPECT_EQ(PoolOf(4, 2).DemandOf(spec).kind, v1::Device::CPU);
}

TEST(DevicePoolTest, AModelIsPartOfAProductNameWhateverTheCase) {
  v1::Node node;
  node.set_name("nodes/here");
  for (const char* model : {"NVIDIA H200", "NVIDIA A100-SXM4", "CPU slot"}) {
    v1::Device& device = *node.add_devices();
    device.set_id(model);
    device.set_model(model);
    device.set_kind(device.model() == "CPU slot" ? v1::Device::CPU
                                                 : v1::Device::CUDA);
  }
  DevicePool pool({node});
  v1::JobSpec spec = SpecOf(v1::ResourceSpec::DEVICE_AUTO, 1);
  spec.mutable_resources()->set_gpu_model("h200");

  EXPECT_EQ(pool.DemandOf(spec).kind, v1::Device::CUDA);
  EXPECT_EQ(pool.DemandOf(spec).model, "h200");
  EXPECT_THAT(pool.Free(v1::Device::CUDA, "h200"),
              ElementsAre(DevicePlace{"here", "NVIDIA H200"}));
  EXPECT_EQ(pool.Total(v1::Device::CUDA, "nvidia"), 2);
  pool.Reserve("jobs/a", {{"here", "NVIDIA H200"}});
  EXPECT_EQ(pool.Holders(v1::Device::CUDA, "h200").at("jobs/a"), 1);
  EXPECT_THAT(pool.Holders(v1::Device::CUDA, "a100"), IsEmpty());
  EXPECT_TRUE(pool.CheckFits(spec).ok());

  spec.mutable_resources()->set_ranks(2);
  const absl::Status refused = pool.CheckFits(spec);
  EXPECT_EQ(ErrorReason(refused), "NOT_ENOUGH_DEVICES");
  EXPECT_EQ(refused.message(),
            "resources.ranks: 2 cuda devices (h200) are wanted, this cluster "
            "has 1");
}

TEST(DevicePoolTest, GpusIsShorthand) {
  v1::JobSpec spec;
  spec.mutable_resources()->set_gpus(3);
  const DeviceDemand demand = PoolOf(4, 0).DemandOf(spec);
  EXPECT_EQ(demand.kind, v1::Device::CUDA);
  EXPECT_EQ(demand.count, 3);
}

TEST(DevicePoolTest, SaysWhatIsMissing) {
  const absl::Status status =
      PoolOf(4, 1).CheckFits(SpecOf(v1::ResourceSpec::DEVICE_CUDA, 2));
  EXPECT_EQ(ErrorReason(status), "NOT_ENOUGH_DEVICES");
  EXPECT_TRUE(
      PoolOf(4, 1).CheckFits(SpecOf(v1::ResourceSpec::DEVICE_CPU, 4)).ok());
}

TEST(DevicePoolTest, ShowsWhoHoldsWhat) {
  DevicePool pool = PoolOf(2, 0);
  const int64_t empty = pool.version();
  pool.Reserve("jobs/a", {{"here", "cpu:1"}});
  const int64_t held = pool.version();
  EXPECT_NE(held, empty);
  EXPECT_THAT(pool.Free(v1::Device::CPU),
              ElementsAre(DevicePlace{"here", "cpu:0"}));
  EXPECT_EQ(pool.Nodes()[0].devices(0).job(), "");
  EXPECT_EQ(pool.Nodes()[0].devices(1).job(), "jobs/a");
  pool.Release("jobs/a");
  EXPECT_THAT(pool.Free(v1::Device::CPU), SizeIs(2));
  EXPECT_NE(pool.version(), held);
}

TEST(DevicePoolTest, APlaceThatIsGoneIsNotGiven) {
  DevicePool pool = PoolOf(1, 0);
  pool.Reserve("jobs/a", {{"here", "cpu:0"}, {"here", "cpu:7"}});
  EXPECT_THAT(pool.Free(v1::Device::CPU), IsEmpty());
  pool.Release("jobs/a");
  EXPECT_THAT(pool.Free(v1::Device::CPU), SizeIs(1));
}

TEST(DevicePoolTest, WhatOthersUseIsNotFreeAndSaysSo) {
  DevicePool pool = PoolOf(1, 3);
  EXPECT_TRUE(pool.SetForeignUses({{"GPU-1", "process 7"}}));
  EXPECT_FALSE(pool.SetForeignUses({{"GPU-1", "process 7"}}));

  EXPECT_THAT(
      pool.Free(v1::Device::CUDA),
      ElementsAre(DevicePlace{"here", "GPU-0"}, DevicePlace{"here", "GPU-2"}));
  EXPECT_EQ(pool.UsedByOthers(v1::Device::CUDA), 1);
  EXPECT_EQ(pool.UsedByOthers(v1::Device::CPU), 0);
  EXPECT_EQ(pool.Total(v1::Device::CUDA), 3);
  EXPECT_EQ(pool.Nodes()[0].devices(1).used_by(), "");
  EXPECT_EQ(pool.Nodes()[0].devices(2).used_by(), "process 7");

  EXPECT_TRUE(pool.SetForeignUses({}));

  EXPECT_THAT(pool.Free(v1::Device::CUDA), SizeIs(3));
}

TEST(DevicePoolTest, WhatAJobHoldsIsItsOwnWhateverIsSeenThere) {
  DevicePool pool = PoolOf(0, 2);
  pool.Reserve("jobs/a", {{"here", "GPU-0"}});
  pool.SetForeignUses({{"GPU-0", "hidden processes, 23 GiB in use"}});

  EXPECT_EQ(pool.Nodes()[0].devices(0).job(), "jobs/a");
  EXPECT_EQ(pool.Nodes()[0].devices(0).used_by(), "");
  EXPECT_EQ(pool.UsedByOthers(v1::Device::CUDA), 0);

  // What was seen was the job.
  pool.Release("jobs/a");

  EXPECT_THAT(pool.Free(v1::Device::CUDA), SizeIs(2));
  // And if it was not, that is news.
  EXPECT_TRUE(
      pool.SetForeignUses({{"GPU-0", "hidden processes, 23 GiB in use"}}));
  EXPECT_THAT(pool.Free(v1::Device::CUDA), SizeIs(1));
}

TEST(DevicePoolTest, WhatIsKeptForAJobIsFreeForNobodyElse) {
  DevicePool pool = PoolOf(3, 0);
  pool.Reserve("jobs/a", {{"here", "cpu:0"}});
  pool.Keep("jobs/b", {{"here", "cpu:0"}, {"here", "cpu:1"}, {"gone", "x"}});
  EXPECT_THAT(pool.Free(v1::Device::CPU),
              ElementsAre(DevicePlace{"here", "cpu:2"}));
  EXPECT_THAT(pool.FreeFor("jobs/b"),
              ElementsAre(DevicePlace{"here", "cpu:1"}));
  EXPECT_THAT(pool.FreeFor("jobs/c"), IsEmpty());
  EXPECT_THAT(pool.KeptFor("jobs/b"), SizeIs(2));
  EXPECT_EQ(pool.Kept(v1::Device::CPU), 1);
  EXPECT_THAT(pool.HoldersOfKept("jobs/b"), ElementsAre("jobs/a"));
  pool.Release("jobs/a");
  EXPECT_THAT(pool.FreeFor("jobs/b"), SizeIs(2));
  EXPECT_THAT(pool.HoldersOfKept("jobs/b"), IsEmpty());
  pool.KeepNothing("jobs/b");
  EXPECT_THAT(pool.Free(v1::Device::CPU), SizeIs(3));
}

TEST(DevicePoolTest, HoldersAreCountedByKind) {
  DevicePool pool = PoolOf(2, 1);
  pool.Reserve("jobs/a", {{"here", "cpu:0"}, {"here", "cpu:1"}});
  pool.Reserve("jobs/b", {{"here", "GPU-0"}});
  EXPECT_THAT(pool.Holders(v1::Device::CPU),
              ElementsAre(std::pair<const std::string, int>("jobs/a", 2)));
  EXPECT_THAT(pool.HeldBy("jobs/b", v1::Device::CUDA),
              ElementsAre(DevicePlace{"here", "GPU-0"}));
  EXPECT_THAT(pool.HeldBy("jobs/b", v1::Device::CPU), IsEmpty());
}

}  // namespace
}  // namespace lockstep
