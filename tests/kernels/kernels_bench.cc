// How long the kernels take on the shapes of stories260K (4 rows of 256 tokens)
// and on heads of 64 and 128, per forward and backward pass: items are tokens.
//
//   build/tests/kernels_bench

#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "kernels/adamw.h"
#include "kernels/attention.h"
#include "kernels/cpu/small_product.h"
#include "kernels/cpu/vector_width.h"
#include "kernels/cross_entropy.h"
#include "kernels/rms_norm.h"
#include "kernels/rotary_embedding.h"
#include "kernels/swiglu.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {
namespace {

constexpr int64_t kTokens = 1024;

void CountTokens(benchmark::State& state, int64_t tokens = kTokens) {
  state.SetItemsProcessed(state.iterations() * tokens);
}

constexpr QkvLayout kStories = {.query_heads = 8, .kv_heads = 4, .head_dim = 8};

struct AttentionBuffers {
  AttentionBuffers(const QkvLayout& layout, int64_t length)
      : layout(layout),
        qkv(Matrix::Random(kTokens, layout.cols(), 1, 2, 0)),
        out(kTokens, layout.query_cols(), 0),
        log_sum(layout.query_heads, kTokens, 0),
        d_out(Matrix::Random(kTokens, layout.query_cols(), 2, 1, 0)),
        d_qkv(kTokens, layout.cols(), 0) {
    for (int64_t t = 0; t <= kTokens; t += length) starts.push_back(t);
    documents = {.cu_seqlens = starts.data(),
                 .count = static_cast<int64_t>(starts.size()) - 1,
                 .max_length = length};
  }
  void Forward() {
    benchmark::DoNotOptimize(AttentionForward({.out_TQ = out.view(),
                                               .log_sum_HT = log_sum.view(),
                                               .qkv_TN = qkv.view(),
                                               .documents = documents,
                                               .layout = layout}));
  }
  void Backward() {
    benchmark::DoNotOptimize(AttentionBackward({.d_qkv_TN = d_qkv.view(),
                                                .d_out_TQ = d_out.view(),
                                                .out_TQ = out.view(),
                                                .log_sum_HT = log_sum.view(),
                                                .qkv_TN = qkv.view(),
                                                .documents = documents,
                                                .layout = layout}));
  }

  QkvLayout layout;
  std::vector<int32_t> starts;
  PackedDocuments documents;
  Matrix qkv, out, log_sum, d_out, d_qkv;
};

// head_dim, document length, vector lanes.
void Attention(benchmark::State& state, bool forward, bool backward) {
  const simd::ScopedVectorLanes lanes(static_cast<int>(state.range(2)));
  QkvLayout layout = kStories;
  layout.head_dim = state.range(0);
  AttentionBuffers buffers(layout, state.range(1));
  buffers.Forward();
  for (auto _ : state) {
    if (forward) buffers.Forward();
    if (backward) buffers.Backward();
  }
  CountTokens(state);
}
void AttentionForwardPass(benchmark::State& state) {
  Attention(state, /*forward=*/true, /*backward=*/false);
}
void AttentionBackwardPass(benchmark::State& state) {
  Attention(state, /*forward=*/false, /*backward=*/true);
}
void AttentionShapes(benchmark::internal::Benchmark* benchmark) {
  for (const int lanes : {16, 8, 4}) benchmark->Args({8, 256, lanes});
  benchmark->Args({8, 32, 16})->Args({16, 256, 16});
  for (const int lanes : {16, 8}) benchmark->Args({64, 256, lanes});
  benchmark->Args({128, 1024, 16});
}
BENCHMARK(AttentionForwardPass)->Apply(AttentionShapes);
BENCHMARK(AttentionBackwardPass)->Apply(AttentionShapes);

// The products of a linear layer [cols, depth]: forward, by its input and by
// its weights. Operations a second.
void SmallProducts(benchmark::State& state) {
  const int64_t out = state.range(0);
  const int64_t in = state.range(1);
  Matrix x = Matrix::Random(kTokens, in, 1, 1, 0);
  Matrix weight = Matrix::Random(out, in, 2, 1, 0);
  Matrix y(kTokens, out, 0);
  Matrix dx(kTokens, in, 0);
  Matrix d_weight(out, in, 0);
  const ProductFactor weight_ON = {weight.data(), out, in, in, 1};
  const ProductFactor weight_NO = {weight.data(), in, out, 1, in};
  const ProductFactor x_TN = {x.data(), kTokens, in, in, 1};
  const ProductFactor y_TO = {y.data(), kTokens, out, out, 1};
  const ProductFactor y_OT = {y.data(), out, kTokens, 1, out};
  for (auto _ : state) {
    SmallProductCpu({y.data(), out, x_TN, weight_NO});
    SmallProductCpu({dx.data(), in, y_TO, weight_ON});
    SmallProductCpu({d_weight.data(), in, y_OT, x_TN});
    benchmark::ClobberMemory();
  }
  state.counters["flop/s"] =
      benchmark::Counter(static_cast<double>(6 * kTokens * in * out),
                         benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(SmallProducts)
    ->Args({128, 64})
    ->Args({64, 64})
    ->Args({344, 64})
    ->Args({64, 172})
    ->Args({512, 64});

void Swiglu(benchmark::State& state) {
  const simd::ScopedVectorLanes lanes(static_cast<int>(state.range(0)));
  Matrix gate_up = Matrix::Random(kTokens, 2 * 172, 1, 4, 0);
  Matrix out(kTokens, 172, 0);
  for (auto _ : state) {
    benchmark::DoNotOptimize(SwigluForward(out.view(), gate_up.view()));
    benchmark::DoNotOptimize(
        SwigluBackward(gate_up.view(), out.view(), out.view()));
  }
  CountTokens(state);
}
BENCHMARK(Swiglu)->Arg(16)->Arg(8)->Arg(4);

void CrossEntropy(benchmark::State& state) {
  const simd::ScopedVectorLanes lanes(static_cast<int>(state.range(0)));
  Matrix logits = Matrix::Random(kTokens, 512, 1, 4, 0);
  std::vector<float> loss(kTokens);
  const std::vector<int32_t> labels(kTokens, 7);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        CrossEntropyForwardBackward({.loss_R = loss.data(),
                                     .logits_RV = logits.view(),
                                     .labels_R = labels.data()}));
  }
  CountTokens(state);
}
BENCHMARK(CrossEntropy)->Arg(16)->Arg(8)->Arg(4);

void RmsNorm(benchmark::State& state) {
  Matrix in = Matrix::Random(kTokens, 64, 1, 1, 0), sum(kTokens, 64, 0);
  Matrix delta = Matrix::Random(kTokens, 64, 2, 1, 0), out(kTokens, 64, 0);
  Matrix weight = Matrix::Random(1, 64, 3, 1, 0), d_weight(1, 64, 0);
  std::vector<float> inv_rms(kTokens);
  for (auto _ : state) {
    benchmark::DoNotOptimize(RmsNormForward({.out_TD = out.view(),
                                             .sum_TD = sum.view(),
                                             .inv_rms_T = inv_rms.data(),
                                             .in_TD = in.view(),
                                             .delta_TD = delta.view(),
                                             .weight_D = weight.view(),
                                             .epsilon = 1e-5}));
    benchmark::DoNotOptimize(RmsNormBackward({.d_in_TD = delta.view(),
                                              .d_weight_D = d_weight.data(),
                                              .d_out_TD = out.view(),
                                              .sum_TD = sum.view(),
                                              .inv_rms_T = inv_rms.data(),
                                              .weight_D = weight.view()}));
  }
  CountTokens(state);
}
BENCHMARK(RmsNorm);

void Rotary(benchmark::State& state) {
  Matrix qkv = Matrix::Random(kTokens, kStories.cols(), 1, 1, 0);
  // No length may change, or all would be denormal soon.
  const std::vector<float> cos(256 * kStories.head_dim / 2, 0.6f);
  const std::vector<float> sin(cos.size(), 0.8f);
  std::vector<int32_t> positions(kTokens);
  for (int64_t t = 0; t < kTokens; ++t) positions[t] = t % 256;
  const RotaryEmbeddingArgs args = {.qkv_TN = qkv.view(),
                                    .positions_T = positions.data(),
                                    .cos_PD = cos.data(),
                                    .sin_PD = sin.data(),
                                    .table_positions = 256,
                                    .layout = kStories};
  for (auto _ : state) {
    benchmark::DoNotOptimize(RotaryEmbeddingForward(args));
    benchmark::DoNotOptimize(RotaryEmbeddingBackward(args));
  }
  CountTokens(state);
}
BENCHMARK(Rotary);

// Items are parameters.
void AdamW(benchmark::State& state) {
  constexpr int64_t kSize = 260032;
  Matrix buffers = Matrix::Random(4, kSize, 1, 1e-3f, 0);
  for (int64_t i = 0; i < kSize; ++i) buffers.at(2, i) = 1e-6f;
  const AdamWSegment segment = {.begin = 0, .end = kSize};
  AdamWArgs args = {.values = &buffers.at(0, 0),
                    .exp_avg = &buffers.at(1, 0),
                    .exp_avg_sq = &buffers.at(2, 0),
                    .gradients = &buffers.at(3, 0),
                    .size = kSize,
                    .segments = absl::MakeConstSpan(&segment, 1),
                    .learning_rate = 1e-3};
  for (auto _ : state) {
    ++args.step;
    benchmark::DoNotOptimize(AdamWStep(args));
  }
  CountTokens(state, kSize);
}
BENCHMARK(AdamW);

}  // namespace
}  // namespace lockstep::testing

BENCHMARK_MAIN();
