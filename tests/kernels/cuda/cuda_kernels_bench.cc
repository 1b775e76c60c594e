// How long each CUDA kernel takes beside the floor that the copy bandwidth of
// the same GPU, measured in the same run, sets: the bytes it must read and
// write at least, over that bandwidth. Prints a table in Markdown: the shapes
// are those of Llama-3.1-8B at 8192 tokens, bfloat16. The last line names the
// kernel that is furthest from the floor, of those that move 64 MB or more.
//
//   build/tests/cuda_kernels_bench

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kernels/adamw.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout.h"
#include "kernels/embedding.h"
#include "kernels/fp8_tail.h"
#include "kernels/global_norm.h"
#include "kernels/linear_bias.h"
#include "kernels/lora_pack.h"
#include "kernels/quantize_fp8.h"
#include "kernels/rms_norm.h"
#include "kernels/rotary_embedding.h"
#include "kernels/row_select.h"
#include "kernels/swiglu.h"
#include "tests/kernels/cuda/device_memory.h"

namespace lockstep::testing {
namespace {

constexpr int64_t kTokens = 8192;
constexpr int64_t kHidden = 4096;
constexpr int64_t kInner = 14336;
constexpr int64_t kVocabulary = 128256;
constexpr int64_t kTail = 64;  // Of activations that hold an adapter's h.
constexpr QkvLayout kLayout = {
    .query_heads = 32, .kv_heads = 8, .head_dim = 128};
constexpr int kWarmUps = 5;
constexpr int kRuns = 30;
constexpr int64_t kFlushBytes = 256 << 20;
// Of less, a launch takes too large a part of the time.
constexpr double kLargeBytes = 64e6;
constexpr double kAimPercent = 85;

// Random values over and over: kernels run faster on zeros.
DeviceMatrix RandomMatrix(int64_t rows, int64_t cols, int64_t tail = 0,
                          DType dtype = DType::kBFloat16) {
  return DeviceMatrix::Repeated(Matrix::Random(4, cols, 7, 2), rows, dtype,
                                tail);
}

class Bench {
 public:
  Bench() : flush_(kFlushBytes), sum_({0}), scratch_(NoSums()) {
    cudaMemset(flush_.data(), 1, kFlushBytes);
    cudaEventCreate(&begin_);
    cudaEventCreate(&end_);
  }
  ~Bench() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }

  // Median and the tenth and ninetieth percentile of one launch, with nothing
  // of the operands in the cache before, and nothing that must be written back:
  // the cache is filled by reading.
  struct Times {
    double median_us, p10_us, p90_us;
  };
  Times Measure(const std::function<absl::Status()>& launch) {
    std::vector<double> times;
    for (int run = 0; run < kWarmUps + kRuns; ++run) {
      absl::Status status = FillCache();
      cudaEventRecord(begin_);
      status.Update(launch());
      cudaEventRecord(end_);
      if (!status.ok()) std::printf("%s\n", status.ToString().c_str());
      Synchronize();
      float milliseconds = 0;
      cudaEventElapsedTime(&milliseconds, begin_, end_);
      if (run >= kWarmUps) times.push_back(1000.0 * milliseconds);
    }
    std::sort(times.begin(), times.end());
    return {times[kRuns / 2], times[kRuns / 10], times[kRuns * 9 / 10]};
  }

  void MeasureCopy() {
    constexpr int64_t kBytes = int64_t{1} << 30;
    const DeviceMatrix from = RandomMatrix(kBytes / 8192, 4096);
    const DeviceMemory to(kBytes);
    const Times times = Measure([&] {
      return CudaStatus("copy",
                        cudaMemcpyAsync(to.data(), from.view().data, kBytes,
                                        cudaMemcpyDeviceToDevice));
    });
    bytes_per_us_ = 2.0 * kBytes / times.median_us;
    std::printf("copy bandwidth: %.3f TB/s\n\n", bytes_per_us_ / 1e6);
    std::printf(
        "| kernel | MB | floor us | measured us (p10-p90) | %% |\n"
        "|---|---|---|---|---|\n");
  }

  void Report(const std::string& name, double bytes,
              const std::function<absl::Status()>& launch) {
    const Times times = Measure(launch);
    const double floor_us = bytes / bytes_per_us_;
    const double percent = 100 * floor_us / times.median_us;
    std::printf("| %s | %.1f | %.1f | %.1f (%.1f-%.1f) | %.0f |\n",
                name.c_str(), bytes / 1e6, floor_us, times.median_us,
                times.p10_us, times.p90_us, percent);
    if (bytes < kLargeBytes) return;
    if (percent < kAimPercent) ++below_;
    if (worst_.empty() || percent < worst_percent_) {
      worst_ = name;
      worst_percent_ = percent;
    }
  }

  void ReportWorst() const {
    std::printf(
        "\nof 64 MB or more the furthest from the floor: %s, %.1f%%; "
        "%d below %.0f%%\n",
        worst_.c_str(), worst_percent_, below_, kAimPercent);
  }

 private:
  static std::vector<double> NoSums() {
    return std::vector<double>(kSquaredSumScratch);
  }
  absl::Status FillCache() {
    return SquaredSum({.sum = sum_.data(),
                       .values = static_cast<const float*>(flush_.data()),
                       .size = kFlushBytes / 4,
                       .device = Device::kCuda,
                       .scratch = scratch_.data()});
  }

  DeviceMemory flush_;
  DeviceArray<double> sum_, scratch_;
  cudaEvent_t begin_, end_;
  double bytes_per_us_ = 1;
  std::string worst_;
  double worst_percent_ = 0;
  int below_ = 0;
};

void BenchNorms(Bench& bench) {
  const double row = 2.0 * kTokens * kHidden;
  const DeviceMatrix in = RandomMatrix(kTokens, kHidden);
  const DeviceMatrix delta = RandomMatrix(kTokens, kHidden);
  const DeviceMatrix out = RandomMatrix(kTokens, kHidden, kTail);
  const DeviceMatrix sum = RandomMatrix(kTokens, kHidden);
  const DeviceMatrix weight = RandomMatrix(1, kHidden);
  const DeviceArray<float> inv_rms{std::vector<float>(kTokens, 1)};
  const DeviceArray<float> d_weight{std::vector<float>(kHidden)};
  bench.Report("rms_norm forward with residual", 4 * row, [&] {
    return RmsNormForward({.out_TD = out.view(),
                           .sum_TD = sum.view(),
                           .inv_rms_T = inv_rms.data(),
                           .in_TD = in.view(),
                           .delta_TD = delta.view(),
                           .weight_D = weight.view(),
                           .epsilon = 1e-5});
  });
  RmsNormBackwardArgs backward = {.d_in_TD = sum.view(),
                                  .d_out_TD = out.view(),
                                  .sum_TD = in.view(),
                                  .inv_rms_T = inv_rms.data(),
                                  .weight_D = weight.view(),
                                  .d_residual_TD = delta.view()};
  bench.Report("rms_norm backward, frozen weight", 4 * row,
               [&] { return RmsNormBackward(backward); });
  const DeviceArray<float> scratch{
      std::vector<float>(RmsNormBackwardScratch(kTokens, kHidden))};
  backward.d_weight_D = d_weight.data();
  backward.scratch = scratch.data();
  bench.Report("rms_norm backward", 4 * row,
               [&] { return RmsNormBackward(backward); });
}

void BenchSwiglu(Bench& bench) {
  const double row = 2.0 * kTokens * kInner;
  const DeviceMatrix gate_up = RandomMatrix(kTokens, 2 * kInner, kTail);
  const DeviceMatrix out = RandomMatrix(kTokens, kInner, kTail);
  bench.Report("swiglu forward", 3 * row,
               [&] { return SwigluForward(out.view(), gate_up.view()); });
  bench.Report("swiglu backward", 5 * row,
               [&] { return SwigluBackward(gate_up.view(), {}, out.view()); });
  bench.Report("swiglu backward with the activation", 6 * row, [&] {
    return SwigluBackward(gate_up.view(), out.view(), out.view());
  });
}

void BenchRotary(Bench& bench) {
  const double heads = 40 * 128 * 2.0 * kTokens;
  const DeviceMatrix qkv = RandomMatrix(kTokens, kLayout.cols(), kTail);
  const DeviceMatrix table = RandomMatrix(2048, 64, 0, DType::kFloat32);
  std::vector<int32_t> positions;
  positions.reserve(kTokens);
  for (int32_t t = 0; t < kTokens; ++t) positions.push_back(t % 2048);
  const DeviceArray<int32_t> g_positions(positions);
  const auto* angles = static_cast<const float*>(table.view().data);
  bench.Report("rotary_embedding", 2 * heads, [&] {
    return RotaryEmbeddingForward({.qkv_TN = qkv.view(),
                                   .positions_T = g_positions.data(),
                                   .cos_PD = angles,
                                   .sin_PD = angles,
                                   .table_positions = 2048,
                                   .layout = kLayout});
  });
}

void BenchCrossEntropy(Bench& bench) {
  for (const int64_t vocabulary :
       {kVocabulary, int64_t{151936}, int64_t{32000}}) {
    constexpr int64_t kRows = 2048;
    const double row = 2.0 * kRows * vocabulary;
    const DeviceMatrix logits = RandomMatrix(kRows, vocabulary);
    const DeviceArray<int32_t> labels{std::vector<int32_t>(kRows, 77)};
    const DeviceArray<float> loss{std::vector<float>(kRows)};
    const DeviceArray<int64_t> correct({0});
    const CrossEntropyArgs args = {.loss_R = loss.data(),
                                   .correct = correct.data(),
                                   .logits_RV = logits.view(),
                                   .labels_R = labels.data()};
    const std::string of = " of " + std::to_string(vocabulary);
    bench.Report("cross_entropy forward" + of, row,
                 [&] { return CrossEntropyForward(args); });
    bench.Report("cross_entropy forward and backward" + of, 2 * row,
                 [&] { return CrossEntropyForwardBackward(args); });
  }
}

void BenchRows(Bench& bench) {
  const double row = 2.0 * kHidden;
  std::vector<int32_t> quarter, ids;
  for (int32_t t = 0; t < kTokens; ++t) {
    if (t % 4 == 3) quarter.push_back(t);
    // Some tokens are frequent.
    ids.push_back(t % 3 == 0 ? t % 30 : t * 7919 % kVocabulary);
  }
  const auto count = static_cast<int64_t>(quarter.size());
  const DeviceArray<int32_t> rows(quarter), g_ids(ids);
  const DeviceMatrix all = RandomMatrix(kTokens, kHidden);
  const DeviceMatrix some = RandomMatrix(count, kHidden);
  bench.Report("row_select gather of 25%", 2 * count * row, [&] {
    return GatherRows(some.view(), all.view(), rows.data());
  });
  bench.Report("row_select scatter of 25%", (count + kTokens) * row, [&] {
    return ScatterRows(all.view(), some.view(), rows.data());
  });
  bench.Report("row_select scatter-add of 25%", 3 * count * row, [&] {
    return ScatterAddRows(all.view(), some.view(), rows.data());
  });
  const DeviceMatrix table = RandomMatrix(kVocabulary, kHidden);
  // Ids that are read once: ten frequent ones, and the others.
  const int64_t distinct = 30 / 3 + kTokens - kTokens / 3;
  bench.Report("embedding forward", (kTokens + distinct) * row, [&] {
    return EmbeddingForward(all.view(), table.view(), g_ids.data());
  });
  const DeviceMatrix d_table =
      RandomMatrix(kVocabulary, kHidden, 0, DType::kFloat32);
  bench.Report("embedding backward", (kTokens + 4 * distinct) * row, [&] {
    return EmbeddingBackward(d_table.view(), all.view(), g_ids.data());
  });
}

void BenchLinear(Bench& bench) {
  const double row = 2.0 * kTokens * kLayout.cols();
  const DeviceMatrix out = RandomMatrix(kTokens, kLayout.cols());
  const DeviceMatrix bias = RandomMatrix(1, kLayout.cols());
  const DeviceArray<float> d_bias(std::vector<float>(kLayout.cols()));
  bench.Report("linear_bias forward", 2 * row,
               [&] { return LinearBiasForward(out.view(), bias.view()); });
  bench.Report("linear_bias backward", row,
               [&] { return LinearBiasBackward(d_bias.data(), out.view()); });
  const DeviceMatrix x = RandomMatrix(kTokens, kHidden);
  bench.Report("dropout", 4.0 * kTokens * kHidden, [&] {
    return Dropout(x.view(), x.view(), {.seed = 1, .p = 0.1});
  });
  const DeviceMatrix stacked_a = RandomMatrix(64, kHidden);
  const DeviceMatrix scaled_b = RandomMatrix(kHidden, 64);
  const DeviceMatrix a = RandomMatrix(16, kHidden, 0, DType::kFloat32);
  const DeviceMatrix b = RandomMatrix(kHidden, 16, 0, DType::kFloat32);
  bench.Report("lora_pack", 6.0 * 2 * 16 * kHidden, [&] {
    return LoraPack({.stacked_a_RK = stacked_a.view(),
                     .scaled_b_NR = scaled_b.view(),
                     .a_RK = a.view(),
                     .b_NR = b.view(),
                     .scale = 2});
  });
}

void BenchFp8(Bench& bench) {
  // Inputs and gradients of 8B's linears; 32 columns are of adapters.
  constexpr int64_t kAdapters = 32;
  const DeviceArray<float> scale{std::vector<float>(kTokens)};
  const DeviceArray<float> factor({4});
  for (const int64_t cols : {kHidden, int64_t{6144}, kInner, 2 * kInner}) {
    const DeviceMatrix in = RandomMatrix(kTokens, cols + kAdapters);
    const int64_t stride = cols + 128;
    const DeviceMemory out(kTokens * stride);
    bench.Report("quantize_fp8 of " + std::to_string(cols),
                 kTokens * (3.0 * cols + 5.0 * kAdapters), [&] {
                   return QuantizeFp8({.out = static_cast<uint8_t*>(out.data()),
                                       .out_stride = stride,
                                       .scale_T = scale.data(),
                                       .in = in.view(),
                                       .tail = kAdapters,
                                       .tail_factor = factor.data()});
                 });
  }
  // What four layers have in either direction.
  constexpr int64_t kStride = kHidden + 128;
  const DeviceMemory weights(kInner * kStride);
  const DeviceArray<float> scale_N(std::vector<float>(kInner, 1));
  const DeviceArray<float> factors{std::vector<float>(kFp8TailFactorFloats)};
  const DeviceMatrix b = RandomMatrix(kInner, 16), a = RandomMatrix(16, kInner);
  std::vector<Fp8Tail> tails;
  for (const bool transposed : {false, true}) {
    const Fp8Tail tail = {
        .out = static_cast<uint8_t*>(weights.data()) + kHidden,
        .out_stride = kStride,
        .factor = factors.data(),
        .in = transposed ? a.view() : b.view(),
        .transposed = transposed,
        .scale_N = scale_N.data()};
    tails.insert(tails.end(), 16, tail);
  }
  bench.Report("fp8_tail, 32 of 14336 x 16", 32.0 * kInner * 16 * (2 * 2 + 3),
               [&] { return PackFp8Tails(tails); });
}

void BenchOptimizer(Bench& bench) {
  constexpr int64_t kRows = 41, kCols = 1 << 20;  // LoRA r16 of 8B: 42M.
  constexpr int64_t kSize = kRows * kCols;
  const auto buffer = [&] {
    return DeviceMatrix::Repeated(
        Rounded(Matrix::Random(1, kCols, 1, 1), DType::kBFloat16), kRows,
        DType::kFloat32, 0);
  };
  const DeviceMatrix values = buffer(), m = buffer(), g = buffer();
  const DeviceMemory v(4 * kSize);
  cudaMemset(v.data(), 0, 4 * kSize);
  const auto floats = [](const DeviceMatrix& matrix) {
    return static_cast<float*>(matrix.view().data);
  };
  const DeviceArray<double> sum({0});
  const DeviceArray<double> scratch{std::vector<double>(kSquaredSumScratch)};
  bench.Report("global_norm", 4.0 * kSize, [&] {
    return SquaredSum({.sum = sum.data(),
                       .values = floats(g),
                       .size = kSize,
                       .device = Device::kCuda,
                       .scratch = scratch.data()});
  });
  const std::vector<AdamWSegment> segments = {
      {.begin = 0, .end = kSize, .weight_decay = 0.01}};
  bench.Report("adamw", 28.0 * kSize, [&] {
    return AdamWStep({.values = floats(values),
                      .exp_avg = floats(m),
                      .exp_avg_sq = static_cast<float*>(v.data()),
                      .gradients = floats(g),
                      .size = kSize,
                      .device = Device::kCuda,
                      .segments = segments,
                      .learning_rate = 1e-4,
                      .step = 3});
  });
}

}  // namespace

void RunBenchmarks() {
  cudaDeviceProp properties;
  if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
    std::printf("no GPU\n");
    return;
  }
  std::printf("%s\n", properties.name);
  Bench bench;
  bench.MeasureCopy();
  BenchNorms(bench);
  BenchSwiglu(bench);
  BenchRotary(bench);
  BenchCrossEntropy(bench);
  BenchRows(bench);
  BenchLinear(bench);
  BenchFp8(bench);
  BenchOptimizer(bench);
  bench.ReportWorst();
}

}  // namespace lockstep::testing

int main() { lockstep::testing::RunBenchmarks(); }
