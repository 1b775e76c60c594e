#include "worker/supervise/cpu_topology.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class CpuTopologyTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = dir_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void AddGpu(const std::string& place, const std::string& uuid) {
    Write("/proc/driver/nvidia/gpus/" + place + "/information",
          "Model: \t\t NVIDIA H200\nIRQ:   \t\t 271\nGPU UUID: \t " + uuid +
              "\nBus Location: \t " + place + "\n");
  }
  CpuTopology Read() { return ReadCpuTopology(dir_.path()); }

  testing::ScopedTempDir dir_;
};

TEST_F(CpuTopologyTest, CpusAreWrittenAsTheKernelDoes) {
  EXPECT_EQ(ParseCpuList("0-2,8,10-11\n"), (CpuSet{0, 1, 2, 8, 10, 11}));
  EXPECT_EQ(FormatCpuList({0, 1, 2, 8, 10, 11}), "0-2,8,10-11");
  EXPECT_EQ(FormatCpuList({}), "");
  for (const char* text :
       {"", "\n", "a", "1-", "-1", "2-1", "0,,1", "0-99999", "0-1-2", "0x1"}) {
    EXPECT_EQ(ParseCpuList(text), std::nullopt) << text;
  }
}

TEST_F(CpuTopologyTest, IsReadFromKernelAndDriver) {
  Write("/sys/devices/system/cpu/online", "0-3\n");
  for (const char* cpu : {"0", "2"}) {
    Write("/sys/devices/system/cpu/cpu" + std::string(cpu) +
              "/topology/thread_siblings_list",
          "0,2\n");
  }
  AddGpu("0000:9b:00.0", "GPU-b");
  AddGpu("0000:1b:00.0", "GPU-a");
  Write("/sys/bus/pci/devices/0000:1b:00.0/local_cpulist", "0,2\n");
  Write("/sys/bus/pci/devices/0000:9b:00.0/numa_node", "1\n");
  Write("/sys/devices/system/node/node1/cpulist", "1,3\n");

  const CpuTopology topology = Read();

  EXPECT_EQ(FormatCpuList(topology.online), "0-3");
  EXPECT_THAT(topology.core,
              ElementsAre(Pair(0, 0), Pair(1, 1), Pair(2, 0), Pair(3, 3)));
  ASSERT_THAT(topology.gpus, SizeIs(2));
  EXPECT_EQ(topology.gpus[0].uuid, "GPU-a");
  EXPECT_EQ(FormatCpuList(topology.gpus[0].near), "0,2");
  EXPECT_EQ(topology.gpus[1].uuid, "GPU-b");
  EXPECT_EQ(FormatCpuList(topology.gpus[1].near), "1,3");
}

TEST_F(CpuTopologyTest, WhatCannotBeReadIsLeftOut) {
  EXPECT_THAT(Read().online, IsEmpty());
  EXPECT_THAT(Read().gpus, IsEmpty());
  Write("/sys/devices/system/cpu/online", "all of them");
  AddGpu("0000:1b:00.0", "GPU-a");
  Write("/sys/bus/pci/devices/0000:1b:00.0/numa_node", "-1\n");
  Write("/proc/driver/nvidia/gpus/0000:9b:00.0/information",
        "Model: \t H200\n");

  const CpuTopology topology = Read();

  EXPECT_THAT(topology.online, IsEmpty());
  ASSERT_THAT(topology.gpus, SizeIs(1));
  EXPECT_THAT(topology.gpus[0].near, IsEmpty());
}

TEST_F(CpuTopologyTest, ThisHostHasCpus) {
  EXPECT_FALSE(ReadCpuTopology().online.empty());
}

}  // namespace
}  // namespace lockstep
