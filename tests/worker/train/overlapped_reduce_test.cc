// Gradients that are summed block by block during the last backward pass of a
// step, by two ranks that are threads: the bits of sums made after it, and the
// gradients of one rank that has seen all micro-batches.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "tests/worker/coordinator/fake_coordinator.h"
#include "tests/worker/train/training_fixture.h"
#include "worker/comm/gloo_communicator.h"
#include "worker/comm/local_communicator.h"
#include "worker/model/transformer.h"
#include "worker/train/data_parallel.h"
#include "worker/train/model_loading.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAreArray;

// Ranks are threads here; see ConnectGloo.
const int kNoFlightRecorder = setenv("TORCH_FR_BUFFER_SIZE", "0", 1);

constexpr int kRanks = 2;
constexpr int kAccumulation = 2;
constexpr int kTokens = 12;

// One document with ids that follow from `number`.
class Batch {
 public:
  Batch(int number, bool trained) {
    for (int t = 0; t < kTokens; ++t) {
      ids_.push_back((7 * number + 3 * t) % 40);
      positions_.push_back(t);
    }
    for (int t = 1; t < kTokens; ++t) labels_.push_back(trained ? ids_[t] : -1);
    labels_.push_back(-1);
  }
  TokenBatch view() const { return {ids_, labels_, positions_, cu_seqlens_}; }

 private:
  std::vector<int32_t> ids_, labels_, positions_;
  std::vector<int32_t> cu_seqlens_ = {0, kTokens};
};

// Notes what is begun.
class Recorder : public Communicator {
 public:
  explicit Recorder(Communicator& wrapped) : wrapped_(wrapped) {}

  int rank() const override { return wrapped_.rank(); }
  int world_size() const override { return wrapped_.world_size(); }
  absl::Status AllReduceSum(at::Tensor& buffer) override {
    return wrapped_.AllReduceSum(buffer);
  }
  absl::Status BeginAllReduceSum(const at::Tensor& buffer) override {
    const int64_t begin = buffer.storage_offset();
    begun_.push_back({begin, begin + buffer.numel()});
    return wrapped_.BeginAllReduceSum(buffer);
  }
  // As if, so that the order of the parts is seen on the CPU, too.
  bool Overlaps() const override { return true; }
  absl::Status BeginAllGather(const at::Tensor& input,
                              const at::Tensor& output) override {
    return wrapped_.BeginAllGather(input, output);
  }
  absl::Status FinishBegun() override { return wrapped_.FinishBegun(); }
  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    return wrapped_.Broadcast(buffer, root);
  }
  absl::Status Barrier() override { return wrapped_.Barrier(); }
  void Abort() override { wrapped_.Abort(); }

  const std::vector<std::pair<int64_t, int64_t>>& begun() const {
    return begun_;
  }

 private:
  Communicator& wrapped_;
  std::vector<std::pair<int64_t, int64_t>> begun_;
};

struct Step {
  bool overlaps = true;
  int64_t least_bucket_floats = 1;
  Recompute recompute = Recompute::kNone;
  // Whether rank 1's last micro-batch has something to learn from.
  bool last_is_trained = true;
};

struct Outcome {
  at::Tensor gradients;
  StepSums sums;
  // What was begun before Reduce, and in all.
  size_t begun_in_pass = 0;
  std::vector<std::pair<int64_t, int64_t>> begun;
  std::vector<GradientBucket> buckets;
};

// A backend, and a model whose head is its embedding or not.
using Case = std::pair<std::string, std::string>;

class OverlappedReduceTest : public ::testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<ModelWeights> Weights() const {
    Method method;
    method.kind = Method::Kind::kFull;
    auto weights = LoadBase(
        TestDataPath(absl::StrCat("models/", GetParam().second)), method);
    LOCKSTEP_CHECK(weights.ok());
    return *std::move(weights);
  }
  static std::unique_ptr<Transformer> Model(ModelWeights& weights,
                                            const Step& step) {
    auto transformer =
        Transformer::Create(weights, {.max_tokens = kTokens,
                                      .max_document = kTokens,
                                      .recompute = step.recompute});
    LOCKSTEP_CHECK(transformer.ok());
    return *std::move(transformer);
  }
  static Batch MicroBatch(const Step& step, int micro, int rank) {
    const bool trained =
        step.last_is_trained || rank != 1 || micro + 1 < kAccumulation;
    return Batch(micro * kRanks + rank, trained);
  }

  // A step of both ranks.
  std::vector<Outcome> Run(const Step& step) const {
    std::vector<Outcome> outcomes(kRanks);
    FakeCoordinator coordinator;
    auto local = MakeLocalGroup(kRanks);
    OnAllRanks([&](int rank) {
      std::unique_ptr<Communicator> group = std::move(local[rank]);
      if (GetParam().first == "Gloo") {
        auto gloo =
            ConnectGloo(coordinator, {.rank = rank, .world_size = kRanks});
        ASSERT_TRUE(gloo.ok()) << gloo.status();
        group = *std::move(gloo);
      }
      outcomes[rank] = RunRank(step, *group);
    });
    return outcomes;
  }
  Outcome RunRank(const Step& step, Communicator& group) const {
    auto weights = Weights();
    auto transformer = Model(*weights, step);
    Recorder recorder(group);
    DataParallel ranks(recorder, *weights->parameters(),
                       {.least_bucket_floats = step.least_bucket_floats});
    StepSums mine;
    for (int micro = 0; micro < kAccumulation; ++micro) {
      const bool listens = step.overlaps && micro + 1 == kAccumulation;
      const auto output = transformer->ForwardBackward(
          MicroBatch(step, micro, group.rank()).view(), micro,
          listens ? &ranks : nullptr);
      LOCKSTEP_CHECK(output.ok());
      mine.loss_sum += output->loss_sum;
      mine.trained_tokens += output->trained_tokens;
    }
    Outcome outcome;
    outcome.begun_in_pass = recorder.begun().size();
    const auto sums = ranks.Reduce(mine);
    EXPECT_TRUE(sums.ok()) << sums.status();
    outcome.sums = *sums;
    outcome.gradients = weights->parameters()->gradients();
    outcome.begun = recorder.begun();
    outcome.buckets = GradientBuckets(weights->parameters()->list(),
                                      step.least_bucket_floats);
    return outcome;
  }
  static void OnAllRanks(const std::function<void(int rank)>& work) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < kRanks; ++rank) {
      threads.emplace_back([&, rank] {
        at::set_num_threads(1);
        work(rank);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // Of one rank that goes through the micro-batches of both.
  at::Tensor GradientsOfOne(const Step& step) const {
    auto weights = Weights();
    auto transformer = Model(*weights, step);
    for (int micro = 0; micro < kAccumulation; ++micro) {
      for (int rank = 0; rank < kRanks; ++rank) {
        LOCKSTEP_CHECK(
            transformer
                ->ForwardBackward(MicroBatch(step, micro, rank).view(), micro)
                .ok());
      }
    }
    return weights->parameters()->gradients();
  }
};

TEST_P(OverlappedReduceTest, HasTheBitsOfSumsMadeAfterThePass) {
  ASSERT_EQ(kNoFlightRecorder, 0);
  const auto after = Run({.overlaps = false});

  for (const Step& step :
       {Step{}, Step{.least_bucket_floats = kLeastBucketFloats},
        Step{.recompute = Recompute::kBlock}}) {
    const auto during = Run(step);

    for (const Outcome& outcome : during) {
      EXPECT_TRUE(at::equal(outcome.gradients, after[0].gradients));
      EXPECT_EQ(outcome.sums.loss_sum, after[0].sums.loss_sum);
      EXPECT_EQ(outcome.sums.trained_tokens, after[0].sums.trained_tokens);
    }
  }
}

TEST_P(OverlappedReduceTest, GivesTheGradientsOfOneRank) {
  const auto two = Run({});

  EXPECT_LT(RelativeDistance(two[0].gradients, GradientsOfOne({})), 1e-6);
  EXPECT_TRUE(at::equal(two[1].gradients, two[0].gradients));
}

TEST_P(OverlappedReduceTest, BlocksGoInThePassAndTheRestAtItsEnd) {
  for (const Outcome& outcome : Run({})) {
    std::vector<std::pair<int64_t, int64_t>> planned;
    size_t in_pass = 0;
    for (const GradientBucket& bucket : outcome.buckets) {
      planned.emplace_back(bucket.begin, bucket.end);
      if (bucket.final_after != Parameter::kWholePass) ++in_pass;
    }
    EXPECT_GE(in_pass, 2u);
    EXPECT_EQ(outcome.begun_in_pass, in_pass);
    EXPECT_THAT(outcome.begun, ElementsAreArray(planned));
  }
}

TEST_P(OverlappedReduceTest, ARankWithNothingToLearnFromJoinsInTheSameOrder) {
  const Step step = {.last_is_trained = false};

  const auto two = Run(step);

  EXPECT_EQ(two[1].begun_in_pass, 0u);
  EXPECT_EQ(two[1].begun, two[0].begun);
  EXPECT_TRUE(at::equal(two[1].gradients, two[0].gradients));
  EXPECT_LT(RelativeDistance(two[0].gradients, GradientsOfOne(step)), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(
    Backends, OverlappedReduceTest,
    ::testing::Values(Case{"Local", "tiny-llama"}, Case{"Local", "tiny-qwen2"},
                      Case{"Gloo", "tiny-llama"}, Case{"Gloo", "tiny-qwen2"}),
    [](const auto& info) {
      return info.param.first +
             (info.param.second == "tiny-llama" ? "Llama" : "Qwen2");
    });

}  // namespace
}  // namespace lockstep::testing
