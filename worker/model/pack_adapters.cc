#include "worker/model/pack_adapters.h"

#include <ATen/ATen.h>

#include <vector>

#include "kernels/fp8_tail.h"
#include "kernels/lora_pack.h"
#include "proto/contract/status_macros.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

absl::Status PackLinear(const LinearShape& shape, const LoraOptions& lora,
                        const LinearWeights& weights) {
  size_t number = 0;
  for (const LinearSegment& segment : shape.segments) {
    if (!segment.adapted) continue;
    const Adapter& adapter = weights.adapters[number++];
    RETURN_IF_ERROR(LoraPack({.stacked_a_RK = View(weights.stacked_a),
                              .scaled_b_NR = View(weights.scaled_b),
                              .row = segment.row,
                              .column = segment.column,
                              .a_RK = View(adapter.a),
                              .b_NR = View(adapter.b),
                              .scale = lora.scale}));
  }
  return absl::OkStatus();
}

// `columns` are those before the tail.
Fp8Tail TailOf(const Fp8Matrix& matrix, int64_t columns,
               const at::Tensor& adapters, bool transposed) {
  return {.out = static_cast<uint8_t*>(matrix.values_TK.data_ptr()) + columns,
          .out_stride = matrix.values_TK.stride(0),
          .factor = matrix.tail_factor.data_ptr<float>(),
          .in = View(adapters),
          .transposed = transposed,
          .scale_N = matrix.scale_T.data_ptr<float>()};
}

}  // namespace

absl::Status PackAdapters(const BlockShape& shape, const LoraOptions& lora,
                          absl::Span<const BlockWeights> blocks) {
  std::vector<Fp8Tail> tails;
  const auto pack = [&](const LinearShape& linear,
                        const LinearWeights& weights) -> absl::Status {
    RETURN_IF_ERROR(PackLinear(linear, lora, weights));
    if (linear.tail == 0 || !lora.fp8_base) return absl::OkStatus();
    tails.push_back(TailOf(weights.fp8, linear.in, weights.scaled_b,
                           /*transposed=*/false));
    tails.push_back(TailOf(weights.fp8_transposed, linear.out,
                           weights.stacked_a, /*transposed=*/true));
    return absl::OkStatus();
  };
  for (const BlockWeights& block : blocks) {
    RETURN_IF_ERROR(pack(shape.qkv, block.qkv));
    RETURN_IF_ERROR(pack(shape.o, block.o));
    RETURN_IF_ERROR(pack(shape.gate_up, block.gate_up));
    RETURN_IF_ERROR(pack(shape.down, block.down));
  }
  return PackFp8Tails(tails);
}

}  // namespace lockstep
