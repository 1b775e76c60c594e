#include "tests/worker/model/adapted_linear.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "proto/contract/check.h"
#include "worker/model/fp8_matrix.h"
#include "worker/model/linear.h"
#include "worker/model/pack_adapters.h"
#include "worker/model/random.h"

namespace lockstep {
namespace {

constexpr int64_t kTokens = 33;

at::Tensor Uniform(uint64_t seed, double range, at::IntArrayRef sizes) {
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  FillUniform(seed, -range, range, tensor);
  return tensor;
}

// Whole numbers from -14 to 14, 14 on the diagonals of a matrix of any shape,
// times `unit`.
at::Tensor Grid(uint64_t seed, double unit, int64_t rows, int64_t columns) {
  at::Tensor matrix = Uniform(seed, 14.4, {rows, columns}).round();
  for (int64_t i = 0; i < std::max(rows, columns); ++i) {
    matrix[i % rows][i % columns] = 14;
  }
  return matrix * unit;
}

LoraOptions Options() {
  LoraOptions lora = {.r = 6, .scale = 1.5, .fp8_base = true};
  lora.target_modules = {"q_proj", "k_proj", "v_proj"};
  return lora;
}

ModelConfig SmallConfig() {
  ModelConfig config;
  config.vocab_size = 8;
  config.hidden_size = 64;
  config.intermediate_size = 48;
  config.num_layers = 1;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 16;
  return config;
}

at::Tensor Wider(const at::Tensor& matrix, int64_t tail, const Placement& on) {
  at::Tensor wide = at::zeros({matrix.size(0), matrix.size(1) + tail},
                              at::TensorOptions(on.device).dtype(on.compute));
  wide.narrow(1, 0, matrix.size(1)).copy_(matrix);
  return wide;
}

at::Tensor InDouble(const at::Tensor& matrix, int64_t columns) {
  return matrix.narrow(1, 0, columns).cpu().to(at::kDouble);
}

}  // namespace

AdaptedLinear::AdaptedLinear(const Placement& placement, double a, double b)
    : placement_(placement),
      lora_(Options()),
      config_(SmallConfig()),
      block_(MakeBlockShape(config_, &lora_, /*tail_multiple=*/16)),
      base_NK_(Grid(1, 0x1p-9, block_.qkv.out, block_.qkv.in)),
      x_TK_(Grid(2, 0x1p-2, kTokens, block_.qkv.in)),
      dy_TN_(Grid(3, 0x1p-2, kTokens, block_.qkv.out)) {
  const auto carve = [&](Arena& arena) {
    return CarveFrozenWeights(config_, block_, &lora_, placement.compute,
                              arena);
  };
  Arena measure;
  carve(measure);
  arena_ = std::make_unique<Arena>(measure.peak_bytes(), placement.device);
  std::vector<BlockWeights> blocks = carve(*arena_).blocks;
  LinearWeights& weights = blocks[0].qkv;
  const at::Tensor base = Wider(base_NK_, /*tail=*/0, placement);
  LOCKSTEP_CHECK(QuantizeWeights(base, weights.fp8).ok());
  LOCKSTEP_CHECK(
      QuantizeWeights(base.t().contiguous(), weights.fp8_transposed).ok());
  uint64_t seed = 10;
  for (const LinearSegment& segment : block_.qkv.segments) {
    weights.adapters.push_back(
        {Uniform(++seed, a, {lora_.r, block_.qkv.in}).to(placement.device),
         Uniform(++seed, b, {segment.rows, lora_.r}).to(placement.device)});
  }
  LOCKSTEP_CHECK(PackAdapters(block_, lora_, blocks).ok());
  weights_ = blocks[0].qkv;
}

LinearResults AdaptedLinear::Run() const {
  const LinearShape& shape = block_.qkv;
  const Linear linear(shape, &lora_);
  const at::TensorOptions options(placement_.device);
  const at::Tensor x = Wider(x_TK_, shape.tail, placement_);
  const at::Tensor dy = Wider(dy_TN_, shape.tail, placement_);
  const at::Tensor y = at::zeros_like(dy);
  const at::Tensor dx = at::zeros_like(x);
  const int64_t row_bytes = std::max(Fp8RowBytes(shape.in, shape.tail),
                                     Fp8RowBytes(shape.out, shape.tail));
  const LinearScratch scratch = {
      .fp8_bytes = at::zeros({kTokens * row_bytes}, options.dtype(at::kByte)),
      .fp8_scale_T = at::zeros({kTokens}, options.dtype(at::kFloat))};
  LinearGradients gradients;
  for (const Adapter& adapter : weights_.adapters) {
    gradients.adapters.push_back(
        {at::zeros_like(adapter.a), at::zeros_like(adapter.b)});
  }
  LOCKSTEP_CHECK(linear.Forward(weights_, x, y, /*mask=*/{}, scratch).ok());
  LOCKSTEP_CHECK(
      linear.Backward(weights_, gradients, x, dy, dx, /*mask=*/{}, scratch)
          .ok());
  LinearResults results = {.y_TN = InDouble(y, shape.out),
                           .dx_TK = InDouble(dx, shape.in)};
  for (const Adapter& gradient : gradients.adapters) {
    results.gradients.push_back(
        {InDouble(gradient.a, shape.in), InDouble(gradient.b, lora_.r)});
  }
  return results;
}

LinearResults AdaptedLinear::Compute(const at::Tensor& base_NK) const {
  const at::Tensor x = x_TK_.to(at::kDouble), dy = dy_TN_.to(at::kDouble);
  const at::Tensor base = base_NK.to(at::kDouble);
  LinearResults results = {.y_TN = at::mm(x, base.t()),
                           .dx_TK = at::mm(dy, base)};
  for (size_t i = 0; i < weights_.adapters.size(); ++i) {
    const LinearSegment& segment = block_.qkv.segments[i];
    const at::Tensor a = InDouble(weights_.adapters[i].a, block_.qkv.in);
    const at::Tensor b = InDouble(weights_.adapters[i].b, lora_.r);
    const at::Tensor part = dy.narrow(1, segment.row, segment.rows);
    const at::Tensor h = at::mm(x, a.t()), dh = at::mm(part, b) * lora_.scale;
    results.y_TN.narrow(1, segment.row, segment.rows)
        .add_(at::mm(h, b.t()), lora_.scale);
    results.dx_TK.add_(at::mm(dh, a));
    results.gradients.push_back(
        {at::mm(dh.t(), x), at::mm(part.t(), h) * lora_.scale});
  }
  return results;
}

LinearResults AdaptedLinear::Expected() const { return Compute(base_NK_); }

LinearResults AdaptedLinear::OfAdapters() const {
  return Compute(at::zeros_like(base_NK_));
}

}  // namespace lockstep
