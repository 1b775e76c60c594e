#include "worker/data/data_loader.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/text/text_testing.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using testing::IsInvalid;
using testing::IsOk;
using testing::ScopedTempDir;

constexpr auto kNone = v1::DataSpec::PACKING_NONE;
constexpr auto kBfd = v1::DataSpec::PACKING_BFD;

// 101 documents of 1 to 12 tokens; each token names its document.
class DataLoaderTest : public ::testing::Test {
 protected:
  static constexpr int64_t kDocuments = 101;

  void SetUp() override {
    auto writer =
        TokenCacheWriter::Create(dir_.path(), "train", std::string(64, '0'));
    ASSERT_THAT(writer, IsOk());
    for (int32_t i = 0; i < kDocuments; ++i) {
      const size_t length = 1 + static_cast<size_t>(i * i) % 12;
      Document document{std::vector<int32_t>(length, i),
                        std::vector<uint8_t>(length, i % 2 == 0 ? 1 : 0)};
      ASSERT_THAT((*writer)->Append(document, {"/rows", i + 1}), IsOk());
    }
    ASSERT_THAT((*writer)->Finish(), IsOk());
    auto cache = TokenCache::Open(dir_.path());
    ASSERT_THAT(cache, IsOk());
    cache_ = std::make_unique<TokenCache>(*std::move(cache));
  }

  DataLoader Loader(const DataLoaderOptions& options) {
    auto loader = DataLoader::Create(cache_.get(), options);
    EXPECT_THAT(loader, IsOk());
    return *std::move(loader);
  }

  // Ids of one step of one epoch, of all ranks and micro-steps, sorted: what
  // is learned in it.
  std::vector<int32_t> StepIds(DataLoaderOptions options, int64_t epoch,
                               int64_t step) {
    std::vector<int32_t> ids;
    for (options.rank = 0; options.rank < options.world_size; ++options.rank) {
      DataLoader loader = Loader(options);
      for (int64_t micro = 0; micro < options.accumulation; ++micro) {
        const auto batch = loader.Load(epoch, step, micro);
        EXPECT_THAT(batch, IsOk());
        ids.insert(ids.end(), batch->ids.begin(), batch->ids.end());
      }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  ScopedTempDir dir_;
  std::unique_ptr<TokenCache> cache_;
};

TEST_F(DataLoaderTest, EveryEpochDealsEveryDocumentOnce) {
  for (const auto packing : {kNone, kBfd}) {
    const DataLoaderOptions options{.packing = packing,
                                    .max_length = 16,
                                    .per_device_batch = 3,
                                    .accumulation = 2,
                                    .world_size = 2};
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::map<int32_t, int64_t> tokens_of;
      for (int64_t step = 0; step < Loader(options).steps_per_epoch(); ++step) {
        for (const int32_t id : StepIds(options, epoch, step)) {
          ++tokens_of[id];
        }
      }
      ASSERT_EQ(tokens_of.size(), static_cast<size_t>(kDocuments));
      for (const auto& [document, tokens] : tokens_of) {
        EXPECT_EQ(tokens, cache_->DocumentLength(document));
      }
    }
  }
}

TEST_F(DataLoaderTest, ARunBehindAnotherSeesTheRestOnceOnAnyRanks) {
  struct Layout {
    int64_t batch, accumulation, world_size;
  };
  for (const auto packing : {kNone, kBfd}) {
    const DataLoaderOptions before{.packing = packing,
                                   .max_length = 16,
                                   .per_device_batch = 3,
                                   .accumulation = 2,
                                   .world_size = 2};
    const int64_t bins_per_step = Loader(before).bins_per_step();
    for (const Layout& layout : std::vector<Layout>{
             {3, 2, 2}, {3, 4, 1}, {3, 2, 1}, {3, 1, 3}, {5, 2, 2}}) {
      DataLoaderOptions after = before;
      after.per_device_batch = layout.batch;
      after.accumulation = layout.accumulation;
      after.world_size = layout.world_size;
      const int64_t here = Loader(after).steps_per_epoch();
      for (int64_t cut = 0; cut < Loader(before).steps_per_epoch(); ++cut) {
        std::map<int32_t, int64_t> tokens_of;
        for (int64_t step = 0; step < cut; ++step) {
          for (const int32_t id : StepIds(before, 1, step)) ++tokens_of[id];
        }
        for (after.rank = 0; after.rank < after.world_size; ++after.rank) {
          DataLoader loader = Loader(after);
          const int64_t first = loader.GoOnBehind(1, cut * bins_per_step);
          EXPECT_EQ(first, here + cut * bins_per_step / loader.bins_per_step());
          for (int64_t step = first; step < 3 * here; ++step) {
            for (int64_t micro = 0; micro < after.accumulation; ++micro) {
              const auto batch = loader.Load(step / here, step % here, micro);
              ASSERT_THAT(batch, IsOk());
              for (const int32_t id : batch->ids) ++tokens_of[id];
            }
          }
        }
        // In the epoch that was begun, and in the one behind it.
        ASSERT_EQ(tokens_of.size(), static_cast<size_t>(kDocuments));
        for (const auto& [document, tokens] : tokens_of) {
          ASSERT_EQ(tokens, 2 * cache_->DocumentLength(document))
              << "document " << document << " after step " << cut;
        }
      }
    }
  }
}

TEST_F(DataLoaderTest, BehindAWholeEpochTheNextOneBegins) {
  DataLoader loader = Loader({.per_device_batch = 10});
  EXPECT_EQ(loader.GoOnBehind(1, kDocuments), 2 * loader.steps_per_epoch());
  EXPECT_EQ(loader.Load(2, 0, 0)->bins, 10);
}

TEST_F(DataLoaderTest, HowAStepIsSplitDoesNotChangeWhatIsLearned) {
  for (const auto packing : {kNone, kBfd}) {
    const auto options = [&](int64_t world_size, int64_t accumulation) {
      return DataLoaderOptions{.packing = packing,
                               .max_length = 16,
                               .per_device_batch = 4,
                               .accumulation = accumulation,
                               .world_size = world_size};
    };
    const int64_t steps = Loader(options(1, 4)).steps_per_epoch();
    EXPECT_EQ(Loader(options(2, 2)).steps_per_epoch(), steps);
    for (int64_t step = 0; step < steps; ++step) {
      const auto expected = StepIds(options(1, 4), 1, step);
      EXPECT_EQ(StepIds(options(2, 2), 1, step), expected);
      EXPECT_EQ(StepIds(options(4, 1), 1, step), expected);
    }
  }
}

TEST_F(DataLoaderTest, BinsAreDealtRoundRobin) {
  const DataLoaderOptions two_ranks{.per_device_batch = 2, .world_size = 2};
  DataLoaderOptions second = two_ranks;
  second.rank = 1;

  EXPECT_THAT(Loader(two_ranks).BinIndexes(1, 0), ElementsAre(4, 6));
  EXPECT_THAT(Loader(second).BinIndexes(1, 0), ElementsAre(5, 7));
}

TEST_F(DataLoaderTest, EpochsDifferAndOneEpochDoesNot) {
  const DataLoaderOptions options{.packing = kBfd, .max_length = 16};
  DataLoader loader = Loader(options);
  const auto documents = [](const std::vector<Bin>& bins) {
    std::vector<std::vector<int64_t>> all;
    all.reserve(bins.size());
    for (const Bin& bin : bins) all.push_back(bin.documents);
    return all;
  };
  const auto first = documents(loader.Epoch(0));
  const auto second = documents(loader.Epoch(1));

  EXPECT_NE(first, second);
  EXPECT_EQ(documents(loader.Epoch(0)), first);
  EXPECT_EQ(documents(Loader(options).Epoch(1)), second);
  EXPECT_EQ(first.size(), second.size());
}

TEST_F(DataLoaderTest, WithoutShuffleTheOrderIsTheFiles) {
  DataLoader loader = Loader({.shuffle = false, .per_device_batch = 2});
  for (const int64_t epoch : {0, 1}) {
    const auto batch = loader.Load(epoch, 0, 0);
    ASSERT_THAT(batch, IsOk());
    EXPECT_THAT(batch->ids, ElementsAre(0, 1, 1));
  }
}

TEST_F(DataLoaderTest, LaysDocumentsEndToEndWithShiftedLabels) {
  DataLoader loader = Loader({.shuffle = false, .per_device_batch = 3});

  const auto batch = loader.Load(0, 0, 0);

  ASSERT_THAT(batch, IsOk());
  EXPECT_THAT(batch->ids, ElementsAre(0, 1, 1, 2, 2, 2, 2, 2));
  EXPECT_THAT(batch->labels, ElementsAre(-1, -1, -1, 2, 2, 2, 2, -1));
  EXPECT_THAT(batch->position_ids, ElementsAre(0, 0, 1, 0, 1, 2, 3, 4));
  EXPECT_THAT(batch->cu_seqlens, ElementsAre(0, 1, 3, 8));
  EXPECT_EQ(batch->tokens, 8);
  EXPECT_EQ(batch->trained_tokens, 4);
  EXPECT_EQ(batch->bins, 3);
}

TEST_F(DataLoaderTest, ALastStepMayLeaveARankWithNothing) {
  const DataLoaderOptions options{
      .per_device_batch = 10, .accumulation = 2, .world_size = 2, .rank = 1};
  DataLoader loader = Loader(options);
  ASSERT_EQ(loader.steps_per_epoch(), 3);

  const auto batch = loader.Load(0, 2, 1);

  ASSERT_THAT(batch, IsOk());
  EXPECT_EQ(batch->bins, 0);
  EXPECT_EQ(batch->tokens, 0);
  EXPECT_THAT(batch->cu_seqlens, ElementsAre(0));
}

TEST_F(DataLoaderTest, NoMicroBatchIsLargerThanItSays) {
  for (const auto packing : {kNone, kBfd}) {
    DataLoader loader =
        Loader({.packing = packing, .max_length = 16, .per_device_batch = 3});
    for (int64_t step = 0; step < loader.steps_per_epoch(); ++step) {
      const auto batch = loader.Load(0, step, 0);
      ASSERT_THAT(batch, IsOk());
      EXPECT_LE(batch->tokens, loader.max_micro_batch_tokens());
    }
  }
}

TEST_F(DataLoaderTest, RefusesDocumentsLongerThanMaxLengthAndBadOptions) {
  EXPECT_THAT(DataLoader::Create(cache_.get(), {.max_length = 9}),
              IsInvalid("has 10 tokens; max_length is 9"));
  EXPECT_THAT(DataLoader::Create(cache_.get(), {.world_size = 2, .rank = 2}),
              IsInvalid("rank 2 of 2"));
  EXPECT_THAT(DataLoader::Create(cache_.get(), {.per_device_batch = 0}),
              IsInvalid("batch 0"));
}

TEST_F(DataLoaderTest, RefusesAnEmptyCache) {
  auto writer =
      TokenCacheWriter::Create(dir_.path(), "eval", std::string(64, '0'));
  ASSERT_THAT(writer, IsOk());
  ASSERT_THAT((*writer)->Finish(), IsOk());
  const auto empty = TokenCache::Open(dir_.path(), "eval");
  ASSERT_THAT(empty, IsOk());

  EXPECT_THAT(DataLoader::Create(&*empty, {}), IsInvalid("holds no document"));
}

}  // namespace
}  // namespace lockstep
