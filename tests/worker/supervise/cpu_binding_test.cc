#include "worker/supervise/cpu_binding.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;

// Two sockets of eight cores, each of which has the threads C and C + 16; four
// GPUs, two of them next to each socket.
class CpuBindingTest : public ::testing::Test {
 protected:
  CpuBindingTest() {
    for (int cpu = 0; cpu < 32; ++cpu) {
      topology_.online.insert(cpu);
      topology_.core[cpu] = cpu % 16;
    }
    for (int gpu = 0; gpu < 4; ++gpu) {
      topology_.gpus.push_back(
          {absl::StrCat("GPU-", gpu),
           *ParseCpuList(gpu < 2 ? "0-7,16-23" : "8-15,24-31")});
    }
  }

  std::vector<std::string> Bind(const std::vector<std::string>& devices) {
    return Bind(devices, topology_.online);
  }
  std::vector<std::string> Bind(const std::vector<std::string>& devices,
                                const CpuSet& allowed) {
    std::vector<std::string> lists;
    for (const CpuSet& cpus : CpusOfRanks(topology_, allowed, devices)) {
      lists.push_back(FormatCpuList(cpus));
    }
    return lists;
  }

  CpuTopology topology_;
};

TEST_F(CpuBindingTest, GpusOfASocketDivideItsCores) {
  EXPECT_THAT(
      Bind({"GPU-3", "GPU-0", "GPU-1", "GPU-2"}),
      ElementsAre("12-15,28-31", "0-3,16-19", "4-7,20-23", "8-11,24-27"));
}

TEST_F(CpuBindingTest, JobsBesideEachOtherShareNoCpu) {
  EXPECT_THAT(Bind({"GPU-0"}), ElementsAre("0-3,16-19"));
  EXPECT_THAT(Bind({"GPU-1"}), ElementsAre("4-7,20-23"));
}

TEST_F(CpuBindingTest, WhatDoesNotDivideEvenlyIsUsedToo) {
  topology_.gpus.push_back({"GPU-4", *ParseCpuList("0-7,16-23")});
  EXPECT_THAT(Bind({"GPU-0", "GPU-1", "GPU-4"}),
              ElementsAre("0-1,16-17", "2-4,18-20", "5-7,21-23"));
}

TEST_F(CpuBindingTest, AGpuAloneOnItsSocketHasAllOfIt) {
  topology_.gpus.resize(3);
  EXPECT_THAT(Bind({"GPU-2"}), ElementsAre("8-15,24-31"));
}

TEST_F(CpuBindingTest, RanksOnCpuAndOfUnknownGpusAreNotBound) {
  EXPECT_THAT(Bind({"cpu:0", "GPU-9", "cuda:0", "GPU-0"}),
              ElementsAre("", "", "", "0-3,16-19"));
}

TEST_F(CpuBindingTest, NobodyIsBoundWhereSomebodyHasBoundTheSupervisor) {
  CpuSet allowed = topology_.online;
  allowed.erase(31);
  EXPECT_THAT(Bind({"GPU-0", "GPU-2"}, allowed), ElementsAre("", ""));
  EXPECT_THAT(Bind({"GPU-0"}, {}), ElementsAre(""));
}

TEST_F(CpuBindingTest, NobodyIsBoundWhereAllCpusAreAsFar) {
  topology_.gpus[0].near = topology_.online;
  topology_.gpus[1].near = {};
  EXPECT_THAT(Bind({"GPU-0", "GPU-1"}), ElementsAre("", ""));
}

TEST_F(CpuBindingTest, OneCoreIsTooFewToBeBoundTo) {
  topology_.gpus.clear();
  for (int gpu = 0; gpu < 8; ++gpu) {
    topology_.gpus.push_back(
        {absl::StrCat("GPU-", gpu), *ParseCpuList("0-7,16-23")});
  }
  EXPECT_THAT(Bind({"GPU-0", "GPU-7"}), ElementsAre("", ""));
}

TEST_F(CpuBindingTest, CpusThatAreOfflineAreNobodys) {
  topology_.gpus.resize(1);
  topology_.online.erase(7);
  EXPECT_THAT(Bind({"GPU-0"}), ElementsAre("0-6,16-23"));
}

TEST_F(CpuBindingTest, NothingIsKnown) {
  topology_ = CpuTopology();
  EXPECT_THAT(Bind({"GPU-0"}, {0, 1}), ElementsAre(""));
}

TEST(AllowedCpusTest, AreThoseThatWereSet) {
  const CpuSet before = AllowedCpus();
  ASSERT_FALSE(before.empty());
  ASSERT_EQ(SetAllowedCpus({*before.begin()}), 0);
  EXPECT_THAT(AllowedCpus(), ElementsAre(*before.begin()));
  EXPECT_EQ(SetAllowedCpus({65000}), EINVAL);
  ASSERT_EQ(SetAllowedCpus(before), 0);
  EXPECT_EQ(AllowedCpus(), before);
}

}  // namespace
}  // namespace lockstep
