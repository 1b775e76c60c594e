// Optimizer steps of one GPU at the shapes that people train: LoRA r16 on all
// linears, bfloat16, rows of 2048 tokens, random weights, all tokens trained
// unless told otherwise.
//
//     cuda_step_benchmark [flags] SHAPE TOKENS ...
//     cuda_step_benchmark 8b 8192 1b 16384
//
// Prints a line for each pair: the median step with its spread, tokens a
// second, and the peak of memory, that which was planned, that which Torch
// reserved and that of the whole process. The GPU must have no other work.

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

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "tests/benchmarks/kernel_times.h"
#include "tests/worker/model/random_model.h"
#include "tests/worker/model/training_step.h"
#include "worker/model/memory_needs.h"
#include "worker/model/random.h"
#include "worker/model/transformer.h"
#include "worker/train/gpu_memory.h"
#include "worker/train/memory_choice.h"

namespace lockstep {
namespace {

constexpr int kWarmUp = 5;

struct Flags {
  int steps = 20;
  // Tokens of a document; a step is packed with them.
  int64_t document = 2048;
  // The share of a document's tokens that are trained: its last.
  double trained = 1;
  Recompute recompute = Recompute::kNone;
  // As with train.full_determinism: false.
  bool any_order = false;
  bool full = false;
  bool fp8 = false;
  // Also the kernels of a step, the longest first.
  bool profile = false;
};

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

double GiB(int64_t bytes) {
  return static_cast<double>(bytes) / (int64_t{1} << 30);
}

Batch MakeBatch(int64_t tokens, const Flags& flags, int64_t vocabulary) {
  std::vector<Document> documents = TrainedDocuments(
      std::vector<int64_t>(tokens / flags.document, flags.document),
      vocabulary);
  const auto masked = static_cast<int64_t>((1 - flags.trained) *
                                           static_cast<double>(flags.document));
  for (Document& document : documents) {
    std::fill_n(document.trained.begin(), masked, 0);
  }
  return Batch(documents);
}

void Run(const std::string& shape, int64_t tokens, const Flags& flags) {
  const ModelConfig config = ConfigOf(shape);
  Method method =
      flags.full ? Method{.kind = Method::Kind::kFull} : LoraMethod(16);
  method.lora.fp8_base = flags.fp8;
  const Placement gpu = {.device = at::Device(at::kCUDA, 0),
                         .compute = at::kBFloat16};
  const TransformerOptions options = {.max_tokens = tokens,
                                      .max_document = flags.document,
                                      .max_documents = tokens / flags.document,
                                      .recompute = flags.recompute,
                                      .deterministic = !flags.any_order};
  c10::cuda::CUDACachingAllocator::emptyCache();
  c10::cuda::CUDACachingAllocator::resetPeakStats(0);
  auto weights = *ModelWeights::Load(config, method, PoolReader(), gpu);
  auto transformer = *Transformer::Create(*weights, options);
  TrainingStep trainer(*weights, *transformer);
  const Batch batch = MakeBatch(tokens, flags, config.vocab_size);

  std::vector<double> times;
  double loss = 0;
  for (int step = 0; step < kWarmUp + flags.steps; ++step) {
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
  const GpuMemory memory = *GpuMemoryOf(gpu);
  std::printf(
      "%-5s %s %-11s %s %6ld tokens of %ld, %3.0f%% trained  %8.1f ms [%.1f, "
      "%.1f]  %9.0f "
      "tokens/s"
      "  loss %.3f  GiB: planned %.2f, reserved %.2f, process %.2f\n",
      shape.c_str(),
      flags.full  ? "full"
      : flags.fp8 ? "fp8 "
                  : "lora",
      std::string(RecomputeName(flags.recompute)).c_str(),
      flags.any_order ? "any order" : "ordered", static_cast<long>(tokens),
      static_cast<long>(flags.document), 100 * flags.trained, median * 1e3,
      times.front() * 1e3, times.back() * 1e3,
      static_cast<double>(tokens) / median, loss,
      GiB(TotalBytes(PlanMemory(config, method, gpu, options))),
      GiB(stats.reserved_bytes[0].peak),
      GiB(memory.total_bytes - memory.free_bytes));
  if (flags.profile) {
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
  lockstep::Flags flags;
  CLI::App app("Optimizer steps of one GPU");
  app.add_option("--steps", flags.steps, "Steps that are timed [20]")
      ->check(CLI::PositiveNumber);
  app.add_option("--document", flags.document, "Tokens of a document [2048]")
      ->check(CLI::PositiveNumber);
  app.add_option("--trained", flags.trained,
                 "The share of tokens that are trained [1]")
      ->check(CLI::Range(0.01, 1.0));
  app.add_option("--recompute", flags.recompute,
                 "0 none, 1 norms and SwiGLU, "
                 "2 blocks [0]")
      ->check(CLI::Range(0, 2));
  app.add_flag("--any-order", flags.any_order,
               "Attention adds up its gradients in any order");
  app.add_flag("--full", flags.full, "All weights, instead of LoRA r16");
  app.add_flag("--fp8", flags.fp8, "Frozen weights in FP8");
  app.add_flag("--profile", flags.profile, "Print the kernels of a step");
  std::vector<std::string> words;
  app.add_option("pairs", words, "SHAPE TOKENS ...")->required();
  CLI11_PARSE(app, argc, argv);
  if (words.size() % 2 != 0) {
    std::cerr << "SHAPE and TOKENS come in pairs\n";
    return 2;
  }
  at::globalContext().lazyInitDevice(at::kCUDA);
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    int64_t tokens = 0;
    if (!absl::SimpleAtoi(words[i + 1], &tokens) || tokens < flags.document) {
      std::cerr << words[i + 1] << " tokens: at least one document of "
                << flags.document << "\n";
      return 2;
    }
    lockstep::Run(words[i], tokens, flags);
  }
  return 0;
}
