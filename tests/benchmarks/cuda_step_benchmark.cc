// Optimizer steps of one GPU at the shapes that people train: LoRA r16 on all
// linears, bfloat16, rows of 2048 tokens, random weights, all tokens trained.
//
//     cuda_step_benchmark [--steps 20] [--profile] SHAPE TOKENS ...
//     cuda_step_benchmark 8b 8192 1b 16384
//
// Prints a line for each pair: the median step with its spread, tokens a
// second, and the peak of memory that Torch reserved; with --profile also the
// kernels of a step, the longest first. The GPU must have no other work.

#include <ATen/ATen.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "tests/benchmarks/kernel_times.h"
#include "tests/worker/model/random_model.h"
#include "tests/worker/model/training_step.h"
#include "worker/model/random.h"
#include "worker/model/transformer.h"

namespace lockstep {
namespace {

constexpr int64_t kRow = 2048;
constexpr int kWarmUp = 5;

ModelConfig ConfigOf(const std::string& shape) {
  ModelConfig config;
  config.rms_norm_eps = 1e-5;
  config.rope_theta = 500000;
  if (shape == "8b") {  // Llama-3.1-8B
    config.vocab_size = 128256;
    config.hidden_size = 4096;
    config.intermediate_size = 14336;
    config.num_layers = 32;
    config.num_heads = 32;
    config.num_kv_heads = 8;
    config.head_dim = 128;
  } else if (shape == "1b") {  // Llama-3.2-1B
    config.vocab_size = 128256;
    config.hidden_size = 2048;
    config.intermediate_size = 8192;
    config.num_layers = 16;
    config.num_heads = 32;
    config.num_kv_heads = 8;
    config.head_dim = 64;
    config.tie_word_embeddings = true;
  } else if (shape == "0.5b") {  // Qwen2.5-0.5B
    config.family = ModelConfig::Family::kQwen2;
    config.vocab_size = 151936;
    config.hidden_size = 896;
    config.intermediate_size = 4864;
    config.num_layers = 24;
    config.num_heads = 14;
    config.num_kv_heads = 2;
    config.head_dim = 64;
    config.tie_word_embeddings = true;
    config.qkv_bias = true;
  } else {
    std::cerr << "shape " << shape << ": 8b, 1b or 0.5b\n";
    std::exit(2);
  }
  return config;
}

// Random numbers from a pool, as billions of fresh ones would take minutes.
TensorReader PoolReader() {
  auto pool = std::make_shared<std::vector<float>>(1 << 20);
  for (size_t i = 0; i < pool->size(); ++i) {
    (*pool)[i] =
        static_cast<float>(Mix(3, i) >> 40) * 0x1p-24f * 0.07f - 0.035f;
  }
  return [pool](const std::string& name, const std::vector<int64_t>& shape,
                float* out) {
    int64_t size = 1;
    for (int64_t length : shape) size *= length;
    const auto pool_size = static_cast<int64_t>(pool->size());
    for (int64_t begin = 0; begin < size; begin += pool_size) {
      std::memcpy(out + begin, pool->data(),
                  std::min(pool_size, size - begin) * sizeof(float));
    }
    if (name.find("norm") != name.npos) {
      for (int64_t i = 0; i < size; ++i) out[i] += 1;
    }
    return absl::OkStatus();
  };
}

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// The kernels of one of `steps` equal steps.
void PrintKernels(const std::vector<KernelTime>& kernels, int steps) {
  constexpr size_t kLines = 40;
  double all = 0;
  for (const KernelTime& kernel : kernels) all += kernel.milliseconds;
  std::printf("  %8.3f ms of kernels a step\n", all / steps);
  for (size_t i = 0; i < std::min(kLines, kernels.size()); ++i) {
    std::printf(
        "  %8.3f ms %6.1f calls  %.110s\n", kernels[i].milliseconds / steps,
        static_cast<double>(kernels[i].calls) / steps, kernels[i].name.c_str());
  }
}

void Run(const std::string& shape, int64_t tokens, int steps, bool profile) {
  const ModelConfig config = ConfigOf(shape);
  c10::cuda::CUDACachingAllocator::emptyCache();
  c10::cuda::CUDACachingAllocator::resetPeakStats(0);
  auto weights = *ModelWeights::Load(
      config, LoraMethod(16), PoolReader(),
      {.device = at::Device(at::kCUDA, 0), .compute = at::kBFloat16});
  auto transformer = *Transformer::Create(
      *weights, {.max_tokens = tokens, .max_document = kRow});
  TrainingStep trainer(*weights, *transformer);
  const Batch batch(TrainedDocuments(std::vector<int64_t>(tokens / kRow, kRow),
                                     config.vocab_size));

  std::vector<double> times;
  double loss = 0;
  for (int step = 0; step < kWarmUp + steps; ++step) {
    c10::cuda::device_synchronize();
    const auto begin = std::chrono::steady_clock::now();
    loss = trainer.Run(batch.view(), /*learning_rate=*/1e-4);
    c10::cuda::device_synchronize();
    if (step >= kWarmUp) {
      times.push_back(Seconds(std::chrono::steady_clock::now() - begin));
    }
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(0);
  std::printf(
      "%-5s %6ld tokens a step  %8.1f ms [%.1f, %.1f]  %9.0f tokens/s  "
      "%5.1f GiB peak  loss %.3f\n",
      shape.c_str(), static_cast<long>(tokens), median * 1e3,
      times.front() * 1e3, times.back() * 1e3,
      static_cast<double>(tokens) / median,
      static_cast<double>(stats.reserved_bytes[0].peak) / (1ull << 30), loss);
  if (profile) {
    constexpr int kProfiled = 3;
    PrintKernels(ProfileKernels([&] {
                   for (int step = 0; step < kProfiled; ++step) {
                     trainer.Run(batch.view(), /*learning_rate=*/1e-4);
                   }
                   c10::cuda::device_synchronize();
                 }),
                 kProfiled);
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  int steps = 20;
  std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() >= 2 && args[0] == "--steps") {
    if (!absl::SimpleAtoi(args[1], &steps)) steps = 0;
    args.erase(args.begin(), args.begin() + 2);
  }
  const bool profile = !args.empty() && args[0] == "--profile";
  if (profile) args.erase(args.begin());
  if (args.empty() || args.size() % 2 != 0 || steps < 1) {
    std::cerr
        << "cuda_step_benchmark [--steps 20] [--profile] SHAPE TOKENS ...\n";
    return 2;
  }
  at::globalContext().lazyInitDevice(at::kCUDA);
  for (size_t i = 0; i < args.size(); i += 2) {
    int64_t tokens = 0;
    if (!absl::SimpleAtoi(args[i + 1], &tokens) || tokens < lockstep::kRow) {
      std::cerr << args[i + 1] << " tokens: at least one row of "
                << lockstep::kRow << "\n";
      return 2;
    }
    lockstep::Run(args[i], tokens, steps, profile);
  }
  return 0;
}
