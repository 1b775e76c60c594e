#include "worker/train/data_parallel.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>

#include "kernels/embedding.h"
#include "worker/comm/local_communicator.h"
#include "worker/model/layout.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

constexpr int kRanks = 3;

class DataParallelTest : public ::testing::Test {
 protected:
  DataParallelTest() : group_(MakeLocalGroup(kRanks)) {
    for (auto& communicator : group_) {
      parameters_.push_back(std::make_unique<Parameters>(
          std::vector<Parameter>{{.name = "w", .shape = {5}}}, at::kCPU));
      ranks_.push_back(
          std::make_unique<DataParallel>(*communicator, *parameters_.back()));
    }
  }

  void OnAllRanks(const std::function<void(int rank)>& work) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < kRanks; ++rank) {
      threads.emplace_back([&, rank] { work(rank); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  std::vector<std::unique_ptr<Communicator>> group_;
  std::vector<std::unique_ptr<Parameters>> parameters_;
  std::vector<std::unique_ptr<DataParallel>> ranks_;
};

TEST_F(DataParallelTest, ReduceAddsGradientsAndSums) {
  OnAllRanks([&](int rank) {
    parameters_[rank]->gradients().fill_(rank + 1);
    // Rank 2 had nothing to learn from, and joins.
    const StepSums mine =
        rank == 2 ? StepSums{} : StepSums{.loss_sum = 1.5, .trained_tokens = 7};

    const auto all = ranks_[rank]->Reduce(mine);

    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_DOUBLE_EQ(all->loss_sum, 3.0);
    EXPECT_EQ(all->trained_tokens, 14);
    EXPECT_TRUE(at::equal(parameters_[rank]->gradients(), at::full({5}, 6.0f)));
  });
}

// Two tokens of a vocabulary of four, one column wide.
struct Embedding {
  explicit Embedding(Communicator& communicator, bool more)
      : parameters({{.name = kEmbeddingName, .shape = {4, 1}},
                    {.name = "w", .shape = {5}, .final_after = 0}},
                   at::kCPU),
        rows{.ids_T = at::full({2}, 3, at::kInt),
             .drows_TD = at::full({2, 1}, 100.0f),
             .all_ids_RT = at::zeros({kRanks, 2}, at::kInt),
             .all_drows_RTD = at::zeros({kRanks, 2, 1})},
        ranks(communicator, parameters,
              {.input_rows = rows, .more_than_input_rows = more}) {}

  Parameters parameters;
  InputRows rows;
  DataParallel ranks;
};

TEST_F(DataParallelTest, InputRowsAreAddedToTheSumOfTheRest) {
  for (const bool more : {true, false}) {
    OnAllRanks([&](int rank) {
      Embedding self(*group_[rank], more);
      for (int step = 0; step < 2; ++step) {
        self.parameters.gradients().fill_(more ? 1 : 0);
        // Rank 2 had no backward pass.
        if (rank != 2) {
          self.rows.ids_T[0] = rank;
          self.rows.ids_T[1] = rank == 0 ? 1 : kNoRow;
          self.rows.drows_TD.fill_(rank + 1.5);
          ASSERT_TRUE(self.ranks.Passed(1).ok());
          ASSERT_TRUE(self.ranks.Passed(0).ok());
          ASSERT_TRUE(self.ranks.PassedInput().ok());
        }

        const auto all = self.ranks.Reduce({.trained_tokens = 2});

        ASSERT_TRUE(all.ok()) << all.status();
        EXPECT_EQ(all->trained_tokens, 6);
        const float sum = more ? 3 : 0;
        const std::vector<float> expected = {
            sum + 1.5f, sum + 1.5f + 2.5f, sum, sum, sum, sum, sum, sum, sum};
        const float* found = self.parameters.gradients().data_ptr<float>();
        EXPECT_EQ(std::vector<float>(found, found + 9), expected);
      }
    });
  }
}

// Counts the times that its ranks meet.
class Meetings : public Communicator {
 public:
  Meetings(Communicator& wrapped, bool overlaps)
      : wrapped_(wrapped), overlaps_(overlaps) {}

  int rank() const override { return wrapped_.rank(); }
  int world_size() const override { return wrapped_.world_size(); }
  bool Overlaps() const override { return overlaps_; }
  absl::Status AllReduceSum(at::Tensor& buffer) override {
    ++count;
    return wrapped_.AllReduceSum(buffer);
  }
  absl::Status BeginAllGather(const at::Tensor& input,
                              const at::Tensor& output) override {
    return wrapped_.BeginAllGather(input, output);
  }
  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    return wrapped_.Broadcast(buffer, root);
  }
  absl::Status Barrier() override { return wrapped_.Barrier(); }
  void Abort() override { wrapped_.Abort(); }

  int count = 0;

 private:
  Communicator& wrapped_;
  const bool overlaps_;
};

TEST_F(DataParallelTest, WhereNothingOverlapsTheRanksMeetOnce) {
  for (const bool overlaps : {false, true}) {
    OnAllRanks([&](int rank) {
      Meetings meetings(*group_[rank], overlaps);
      Parameters parameters({{.name = "w", .shape = {5}},
                             {.name = "x", .shape = {3}, .final_after = 1},
                             {.name = "y", .shape = {2}, .final_after = 0}},
                            at::kCPU);
      DataParallel ranks(meetings, parameters, {.least_bucket_floats = 1});
      parameters.gradients().fill_(rank + 1);

      ASSERT_TRUE(ranks.Passed(1).ok());
      ASSERT_TRUE(ranks.Passed(0).ok());
      EXPECT_EQ(meetings.count, overlaps ? 2 : 0);
      ASSERT_TRUE(ranks.Reduce({}).ok());

      EXPECT_EQ(meetings.count, overlaps ? 4 : 1);
      EXPECT_TRUE(at::equal(parameters.gradients(), at::full({10}, 6.0f)));
    });
  }
}

TEST_F(DataParallelTest, AGroupThatBrokeGathersNothing) {
  group_[0]->Abort();
  Embedding self(*group_[1], /*more=*/false);

  EXPECT_EQ(self.ranks.PassedInput().code(), absl::StatusCode::kUnavailable);
  Embedding without_pass(*group_[1], /*more=*/false);
  EXPECT_EQ(without_pass.ranks.Reduce({}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(DataParallelTest, AnyRankStopsAll) {
  OnAllRanks([&](int rank) {
    const auto all = ranks_[rank]->Reduce({.stop = rank == 1});

    ASSERT_TRUE(all.ok());
    EXPECT_TRUE(all->stop);
    EXPECT_FALSE(all->checkpoint);
  });
}

TEST_F(DataParallelTest, EqualReplicasPass) {
  OnAllRanks([&](int rank) {
    parameters_[rank]->values().fill_(0.25);
    EXPECT_TRUE(ranks_[rank]->CheckReplicas().ok());
  });
}

TEST_F(DataParallelTest, AReplicaThatDiffersInOneBitIsNamedOnAllRanks) {
  OnAllRanks([&](int rank) {
    // -0 equals 0, but not bit for bit.
    if (rank == 1) parameters_[rank]->values()[3] = -0.0f;

    const absl::Status status = ranks_[rank]->CheckReplicas();

    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr("rank 1 "));
  });
}

TEST_F(DataParallelTest, BroadcastGivesWhatRank0Has) {
  OnAllRanks([&](int rank) {
    std::string text = rank == 0 ? "from the first" : "";
    std::string empty = rank == 0 ? "" : "left over";
    at::Tensor buffer = at::full({4}, rank);

    ASSERT_TRUE(ranks_[rank]->Broadcast(&text).ok());
    ASSERT_TRUE(ranks_[rank]->Broadcast(&empty).ok());
    ASSERT_TRUE(ranks_[rank]->Broadcast({buffer}).ok());

    EXPECT_EQ(text, "from the first");
    EXPECT_EQ(empty, "");
    EXPECT_TRUE(at::equal(buffer, at::zeros({4})));
  });
}

TEST_F(DataParallelTest, AGroupThatBrokeIsUnavailable) {
  group_[0]->Abort();

  const auto all = ranks_[1]->Reduce({});

  EXPECT_EQ(all.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DataParallelTest, ABrokenGroupEndsTheBackwardPass) {
  Parameters parameters({{.name = "w", .shape = {5}, .final_after = 0}},
                        at::kCPU);
  Meetings overlapping(*group_[1], /*overlaps=*/true);
  DataParallel rank(overlapping, parameters);
  group_[0]->Abort();

  EXPECT_TRUE(rank.Passed(1).ok());
  EXPECT_EQ(rank.Passed(0).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lockstep
