// One optimizer step of one rank and one thread, on the shape of stories260K:
// rows of 256 tokens, 4 rows a micro-batch, random weights and tokens. Prints
// tokens a second.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "tests/worker/model/random_model.h"
#include "tests/worker/model/training_step.h"
#include "worker/model/transformer.h"

namespace lockstep {
namespace {

constexpr int64_t kRow = 256;
constexpr int64_t kRows = 4;

ModelConfig Stories260K() {
  ModelConfig config;
  config.vocab_size = 512;
  config.hidden_size = 64;
  config.intermediate_size = 172;
  config.num_layers = 5;
  config.num_heads = 8;
  config.num_kv_heads = 4;
  config.head_dim = 8;
  config.tie_word_embeddings = true;
  return config;
}

// Documents of `length` tokens; all but their first are trained.
Batch MakeBatch(int64_t length) {
  return Batch(
      TrainedDocuments(std::vector<int64_t>(kRows * kRow / length, length),
                       Stories260K().vocab_size));
}

void TrainStep(benchmark::State& state, const Method& method,
               int64_t document) {
  at::set_num_threads(1);
  auto weights = RandomModel(Stories260K(), method);
  auto transformer = MakeTransformer(*weights, kRow * kRows);
  TrainingStep step(*weights, *transformer);
  const Batch batch = MakeBatch(document);
  for (auto _ : state) step.Run(batch.view(), /*learning_rate=*/1e-4);
  state.counters["tokens/s"] = benchmark::Counter(
      static_cast<double>(batch.view().tokens() * state.iterations()),
      benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(TrainStep, lora_r16, LoraMethod(16), kRow)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(TrainStep, lora_r16_short_documents, LoraMethod(16), 64)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(TrainStep, lora_r16_dropout, LoraMethod(16, 0.05), kRow)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(TrainStep, full, FullMethod(), kRow)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lockstep
