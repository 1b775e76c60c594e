#include "server/scheduler/fair_share.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

int64_t UsageOf(const server::QueueRecord& record, const std::string& owner) {
  for (const server::OwnerUsage& usage : record.usages()) {
    if (usage.owner() == owner) return usage.device_milliseconds();
  }
  return 0;
}

TEST(FairShareTest, UsageHalvesEachDay) {
  EXPECT_EQ(DecayedUsage(1000, absl::ZeroDuration()), 1000);
  EXPECT_EQ(DecayedUsage(1000, absl::Hours(24)), 500);
  EXPECT_EQ(DecayedUsage(1000, absl::Hours(48)), 250);
  // The wall may be set back.
  EXPECT_EQ(DecayedUsage(1000, -absl::Hours(24)), 1000);
  EXPECT_EQ(DecayedUsage(1, absl::Hours(24)), 0);
  EXPECT_EQ(DecayedUsage(1000, absl::InfiniteDuration()), 0);
}

TEST(FairShareTest, ChargesWhatIsHeldSinceItWasChargedLast) {
  server::QueueRecord record;
  ChargeUsage({{"ann", 2, kStart}}, kStart + absl::Seconds(10), record);
  EXPECT_EQ(UsageOf(record, "ann"), 20'000);
  ChargeUsage({{"ann", 2, kStart}, {"bob", 1, kStart + absl::Seconds(15)}},
              kStart + absl::Seconds(20), record);
  // A half-life is long against ten seconds.
  EXPECT_NEAR(static_cast<double>(UsageOf(record, "ann")), 40'000, 5);
  EXPECT_EQ(UsageOf(record, "bob"), 5'000);
}

TEST(FairShareTest, WhatIsOverDecaysAndIsForgotten) {
  server::QueueRecord record;
  ChargeUsage({{"ann", 1, kStart}}, kStart + absl::Hours(1), record);
  ChargeUsage({}, kStart + absl::Hours(25), record);
  EXPECT_EQ(UsageOf(record, "ann"), 1'800'000);
  ChargeUsage({}, kStart + absl::Hours(25 + 24 * 30), record);
  EXPECT_EQ(record.usages_size(), 0);
}

TEST(FairShareTest, AWallThatIsSetBackTakesNothing) {
  server::QueueRecord record;
  ChargeUsage({{"ann", 1, kStart}}, kStart + absl::Hours(1), record);
  ChargeUsage({{"ann", 1, kStart}}, kStart, record);
  EXPECT_EQ(UsageOf(record, "ann"), 3'600'000);
  EXPECT_EQ(FromProto(record.usage_time()), kStart);
}

TEST(FairShareTest, SharesAreByWeightAndAsOfOneMoment) {
  QueueRecords queues;
  ChargeUsage({{"ann", 1, kStart}}, kStart + absl::Seconds(100), queues["a"]);
  queues["b"] = queues["a"];
  queues["b"].mutable_queue()->set_weight(2);
  // Charged a day before.
  ChargeUsage({{"bob", 8, kStart - absl::Hours(24)}},
              kStart - absl::Hours(24) + absl::Seconds(100), queues["c"]);

  const FairShares shares = SharesAt(queues, kStart + absl::Seconds(100));

  EXPECT_EQ(shares.OfQueue("a"), 100);
  EXPECT_EQ(shares.OfQueue("b"), 50);
  EXPECT_EQ(shares.OfOwner("b", "ann"), 100);
  EXPECT_EQ(shares.OfQueue("c"), 400);
  EXPECT_EQ(shares.OfQueue("none"), 0);
  EXPECT_EQ(shares.OfOwner("a", "bob"), 0);
}

TEST(FairShareTest, NewSharesTakeThePlaceOfOldOnes) {
  QueueRecords queues;
  ChargeUsage({{"ann", 1, kStart}, {"bob", 1, kStart}},
              kStart + absl::Seconds(100), queues["a"]);
  ChargeUsage({{"ann", 1, kStart}}, kStart + absl::Seconds(100), queues["b"]);
  FairShares shares = SharesAt(queues, kStart + absl::Seconds(100));
  queues.erase("b");
  queues["a"].clear_usages();
  ChargeUsage({{"cid", 1, kStart + absl::Seconds(100)}, {"bob", 1, kStart}},
              kStart + absl::Seconds(150), queues["a"]);

  TakeShares(queues, kStart + absl::Seconds(150), shares);

  EXPECT_EQ(shares.OfOwner("a", "ann"), 0);
  EXPECT_EQ(shares.OfOwner("a", "bob"), 50);
  EXPECT_EQ(shares.OfOwner("a", "cid"), 50);
  EXPECT_EQ(shares.OfQueue("a"), 100);
  EXPECT_EQ(shares.OfQueue("b"), 0);
  EXPECT_EQ(shares.OfOwner("b", "ann"), 0);
  // As they are on disk.
  ASSERT_EQ(queues["a"].usages_size(), 2);
  EXPECT_EQ(queues["a"].usages(0).owner(), "bob");
  EXPECT_EQ(queues["a"].usages(1).owner(), "cid");
}

}  // namespace
}  // namespace lockstep
