#include "server/rank_gpus.h"

#include <string>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/memory_job_store.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// A job whose second attempt has a rank on each of two hosts, and one that has
// not said where it is.
class RankGpusTest : public ::testing::Test {
 protected:
  RankGpusTest() {
    server::JobRecord record;
    record.set_version(1);
    v1::Job& job = *record.mutable_job();
    job.set_name("jobs/a");
    job.set_state(v1::Job::RUNNING);
    job.set_attempt(2);
    job.add_attempts()->add_ranks()->set_node("node-old");
    v1::Attempt& attempt = *job.add_attempts();
    for (const char* node : {"node-b", "node-c", ""}) {
      attempt.add_ranks()->set_node(node);
    }
    StoreWrite write;
    write.jobs.push_back(MakeJobRow(record));
    absl::Notification done;
    store_.Commit(std::move(write), [&](const auto& result) {
      EXPECT_TRUE(result.ok());
      done.Notify();
    });
    done.WaitForNotification();
  }

  static RankGpu Told(int rank, const std::string& uuid, int seconds,
                      double watts) {
    RankGpu gpu{.attempt = {"jobs/a", 2},
                .rank = rank,
                .at = absl::Seconds(seconds),
                .reading = {}};
    gpu.reading.set_uuid(uuid);
    gpu.reading.set_power_watts(watts);
    return gpu;
  }

  MemoryJobStore store_;
};

TEST_F(RankGpusTest, EachIsOnTheHostOfItsRank) {
  RankGpu told = Told(1, "GPU-c", 5, 300);
  told.reading.set_memory_used_bytes(3);
  told.reading.set_memory_total_bytes(4);
  told.reading.set_utilization_ratio(0);
  (*told.reading.mutable_xid_errors())[79] = 2;

  const std::vector<HostGpu> gpus =
      GpusOfRanks({Told(0, "GPU-b", 5, 100), told}, store_);

  ASSERT_THAT(gpus, SizeIs(2));
  EXPECT_EQ(gpus[0].host, "node-b");
  EXPECT_EQ(gpus[0].reading.uuid, "GPU-b");
  EXPECT_EQ(gpus[0].reading.utilization, std::nullopt);
  EXPECT_EQ(gpus[1].host, "node-c");
  EXPECT_EQ(gpus[1].reading.memory_used_bytes, 3);
  EXPECT_EQ(gpus[1].reading.memory_total_bytes, 4);
  EXPECT_EQ(gpus[1].reading.utilization, 0);
  EXPECT_EQ(gpus[1].reading.power_watts, 300);
  EXPECT_EQ(gpus[1].reading.energy_joules, std::nullopt);
  EXPECT_EQ(gpus[1].reading.temperature_celsius, std::nullopt);
  EXPECT_EQ(gpus[1].reading.sm_clock_hertz, std::nullopt);
  EXPECT_THAT(gpus[1].xid_errors, ElementsAre(Pair(79, 2)));
}

TEST_F(RankGpusTest, OfTwoRanksOnOneGpuTheNewestCounts) {
  RankGpu older = Told(0, "GPU-b", 5, 100);
  RankGpu newer = Told(1, "GPU-b", 6, 200);
  // The one that began earlier has seen more, and a count must not fall.
  (*older.reading.mutable_xid_errors())[31] = 3;
  (*newer.reading.mutable_xid_errors())[31] = 1;

  for (const auto& told : {std::vector<RankGpu>{older, newer},
                           std::vector<RankGpu>{newer, older}}) {
    const std::vector<HostGpu> gpus = GpusOfRanks(told, store_);
    ASSERT_THAT(gpus, SizeIs(1));
    EXPECT_EQ(gpus[0].reading.power_watts, 200);
    EXPECT_EQ(gpus[0].host, "node-c");
    EXPECT_THAT(gpus[0].xid_errors, ElementsAre(Pair(31, 3)));
  }
}

TEST_F(RankGpusTest, WhoseHostIsNotKnownIsLeftOut) {
  RankGpu deleted = Told(0, "GPU-d", 5, 100);
  deleted.attempt.job = "jobs/deleted";
  RankGpu unborn = Told(0, "GPU-e", 5, 100);
  unborn.attempt.attempt = 3;
  EXPECT_THAT(GpusOfRanks({Told(2, "GPU-b", 5, 100), Told(3, "GPU-c", 5, 100),
                           deleted, unborn},
                          store_),
              IsEmpty());
}

}  // namespace
}  // namespace lockstep
