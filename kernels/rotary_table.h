#ifndef LOCKSTEP_KERNELS_ROTARY_TABLE_H_
#define LOCKSTEP_KERNELS_ROTARY_TABLE_H_

// Cosines and sines for rotary_embedding: Transformers' formulas
// (modeling_rope_utils.py) in its precision, float32, because models were
// trained with its rounding. Host memory; built once per model.

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace lockstep {

// rope_type "llama3": waves longer than the original context / low_freq_factor
// are slowed by `factor`, those shorter than context / high_freq_factor are
// kept, those between are blended.
struct Llama3Scaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  int64_t original_max_position_embeddings = 8192;
};

struct RotaryTableOptions {
  int64_t head_dim = 0;
  double rope_theta = 10000;
  std::optional<Llama3Scaling> llama3;  // Absent: rope_type "default".
};

// inv_freq: head_dim / 2 angles per position.
// INVALID_ARGUMENT: head_dim not positive and even, theta or a factor not
// positive, or high_freq_factor not above low_freq_factor.
absl::StatusOr<std::vector<float>> RotaryInverseFrequencies(
    const RotaryTableOptions& options);

// cos_PD and sin_PD, [positions, frequencies.size()], of the angles
// position * frequency.
void FillRotaryTable(float* cos_PD, float* sin_PD,
                     absl::Span<const float> inverse_frequencies,
                     int64_t positions);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_ROTARY_TABLE_H_
