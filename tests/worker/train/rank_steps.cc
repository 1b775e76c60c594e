#include "tests/worker/train/rank_steps.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <string>
#include <thread>

#include "proto/contract/check.h"
#include "worker/comm/local_communicator.h"
#include "worker/model/model_weights.h"
#include "worker/model/random.h"
#include "worker/model/transformer.h"
#include "worker/optim/adamw.h"
#include "worker/train/data_parallel.h"

namespace lockstep::testing {
namespace {

constexpr int kTokens = 48;

// Heads of 64, as GPUs want them.
ModelConfig SmallConfig(bool tied) {
  ModelConfig config;
  config.vocab_size = 503;
  config.hidden_size = 128;
  config.intermediate_size = 160;
  config.num_layers = 3;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 64;
  config.tie_word_embeddings = tied;
  return config;
}

absl::Status RandomWeights(const std::string& name,
                           const std::vector<int64_t>& shape, float* out) {
  at::Tensor values = at::empty(shape, at::kFloat);
  const double middle = name.find("norm") == name.npos ? 0 : 1;
  FillUniform(Mix(name.size(), name[13]), middle - 0.1, middle + 0.1, values);
  const float* from = values.data_ptr<float>();
  std::copy(from, from + values.numel(), out);
  return absl::OkStatus();
}

// Three documents of one micro-batch. Rank 1 has fewer tokens than there is
// room for.
class PackedDocuments {
 public:
  PackedDocuments(int number, int rank, bool trained) {
    const int tokens = rank == 1 ? kTokens - 9 : kTokens;
    cu_seqlens_ = {0, 5, 6, tokens};
    for (size_t d = 0; d + 1 < cu_seqlens_.size(); ++d) {
      for (int t = cu_seqlens_[d]; t < cu_seqlens_[d + 1]; ++t) {
        ids_.push_back(t % 3 == 0 ? 7 : (31 * number + t * t) % 503);
        positions_.push_back(t - cu_seqlens_[d]);
        labels_.push_back(-1);
      }
      for (int t = cu_seqlens_[d]; trained && t + 1 < cu_seqlens_[d + 1]; ++t) {
        labels_[t] = ids_[t + 1];
      }
    }
  }
  TokenBatch view() const { return {ids_, labels_, positions_, cu_seqlens_}; }

 private:
  std::vector<int32_t> ids_, labels_, positions_, cu_seqlens_;
};

// Counts what is sent.
class Counter : public Communicator {
 public:
  explicit Counter(Communicator& wrapped) : wrapped_(wrapped) {}

  int rank() const override { return wrapped_.rank(); }
  int world_size() const override { return wrapped_.world_size(); }
  absl::Status AllReduceSum(at::Tensor& buffer) override {
    return wrapped_.AllReduceSum(buffer);
  }
  absl::Status BeginAllReduceSum(const at::Tensor& buffer) override {
    summed += buffer.numel();
    return wrapped_.BeginAllReduceSum(buffer);
  }
  bool Overlaps() const override { return wrapped_.Overlaps(); }
  absl::Status BeginAllGather(const at::Tensor& input,
                              const at::Tensor& output) override {
    gathered += output.numel();
    return wrapped_.BeginAllGather(input, output);
  }
  absl::Status FinishBegun() override { return wrapped_.FinishBegun(); }
  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    return wrapped_.Broadcast(buffer, root);
  }
  absl::Status Barrier() override { return wrapped_.Barrier(); }
  void Abort() override { wrapped_.Abort(); }

  int64_t summed = 0;
  int64_t gathered = 0;

 private:
  Communicator& wrapped_;
};

class Rank {
 public:
  Rank(const RankSteps& steps, Communicator& group)
      : steps_(steps),
        counter_(group),
        weights_(*ModelWeights::Load(
            SmallConfig(steps.tied), {.kind = Method::Kind::kFull},
            TensorReader(RandomWeights), steps.placement)),
        parameters_(*weights_->parameters()),
        transformer_(*Transformer::Create(
            *weights_, {.max_tokens = kTokens,
                        .max_document = kTokens,
                        .recompute = steps.recompute,
                        .ranks = steps.apart ? steps.ranks : 1})),
        adamw_(parameters_.values(), parameters_.gradients(),
               {{0, parameters_.size(), true}}, AdamWOptions{}),
        ranks_(counter_, parameters_, Reduces()) {}

  RankStepsResult Run() {
    RankStepsResult result;
    for (int step = 0; step < steps_.steps; ++step) {
      counter_.summed = counter_.gathered = 0;
      result.trained_tokens = Step(step);
    }
    result.apart = transformer_->input_rows().defined();
    result.gradients = parameters_.gradients().cpu();
    result.values = parameters_.values().cpu();
    result.summed = counter_.summed;
    result.gathered = counter_.gathered;
    result.embedding_floats = weights_->embedding_gradient().numel();
    return result;
  }

 private:
  DataParallelOptions Reduces() const {
    DataParallelOptions options = ReducesOf(
        weights_->config(), transformer_->input_rows(), steps_.accumulation);
    options.least_bucket_floats = 1000;
    return options;
  }

  // Returns the trained tokens of all ranks.
  int64_t Step(int step) {
    const int self = counter_.rank();
    parameters_.gradients().zero_();
    StepSums mine;
    for (int micro = 0; micro < steps_.accumulation; ++micro) {
      const bool last = micro + 1 == steps_.accumulation;
      const int number =
          (step * steps_.accumulation + micro) * steps_.ranks + self;
      const PackedDocuments documents(
          number, self, steps_.last_is_trained || self != 1 || !last);
      const auto output = transformer_->ForwardBackward(
          documents.view(), number, last ? &ranks_ : nullptr);
      LOCKSTEP_CHECK(output.ok());
      mine.trained_tokens += output->trained_tokens;
    }
    const auto all = ranks_.Reduce(mine);
    LOCKSTEP_CHECK(all.ok());
    adamw_.Step(/*learning_rate=*/1e-3,
                1.0 / static_cast<double>(all->trained_tokens));
    LOCKSTEP_CHECK(weights_->AfterUpdate().ok());
    return all->trained_tokens;
  }

  const RankSteps steps_;
  Counter counter_;
  const std::unique_ptr<ModelWeights> weights_;
  Parameters& parameters_;
  const std::unique_ptr<Transformer> transformer_;
  AdamW adamw_;
  DataParallel ranks_;
};

}  // namespace

std::vector<RankStepsResult> RunRankSteps(const RankSteps& steps,
                                          const Connect& connect) {
  std::vector<RankStepsResult> results(steps.ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < steps.ranks; ++rank) {
    threads.emplace_back([&, rank] {
      at::set_num_threads(1);
      const std::unique_ptr<Communicator> group = connect(rank);
      results[rank] = Rank(steps, *group).Run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return results;
}

std::vector<RankStepsResult> RunLocalRankSteps(const RankSteps& steps) {
  auto group = MakeLocalGroup(steps.ranks);
  return RunRankSteps(steps, [&](int rank) { return std::move(group[rank]); });
}

}  // namespace lockstep::testing
