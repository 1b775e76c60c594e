#ifndef LOCKSTEP_WORKER_MODEL_ROTARY_TABLE_H_
#define LOCKSTEP_WORKER_MODEL_ROTARY_TABLE_H_

// Cosines and sines of a model's rotary embedding for positions 0 .. n-1, made
// once by kernels/rotary_table and kept on the device.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "worker/model/model_config.h"

namespace lockstep {

struct RotaryTable {
  // P positions, [P, head_dim / 2].
  at::Tensor cos_PD;
  at::Tensor sin_PD;
};

// INVALID_ARGUMENT: a constant of the configuration that has no table.
absl::StatusOr<RotaryTable> MakeRotaryTable(const ModelConfig& config,
                                            int64_t positions,
                                            at::Device device = at::kCPU);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_ROTARY_TABLE_H_
