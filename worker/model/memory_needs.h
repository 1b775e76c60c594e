#ifndef LOCKSTEP_WORKER_MODEL_MEMORY_NEEDS_H_
#define LOCKSTEP_WORKER_MODEL_MEMORY_NEEDS_H_

// What one rank will take, told before anything is read or allocated: the code
// that cuts weights and buffers from an arena runs on measuring ones.

#include <cstdint>

#include "worker/memory/memory_plan.h"
#include "worker/model/method.h"
#include "worker/model/model_config.h"
#include "worker/model/placement.h"
#include "worker/model/step_buffers.h"
#include "worker/model/transformer_options.h"

namespace lockstep {

// What CUDA takes in a process that uses a GPU: before it allocates anything,
// and with the code of cuBLAS, cuDNN and our kernels (13.0, on an H100).
inline constexpr int64_t kCudaContextBytes = int64_t{527} << 20;
inline constexpr int64_t kCudaBytes = int64_t{690} << 20;

// The buffers that a transformer with these options cuts.
StepShape StepShapeOf(const ModelConfig& config, const Method& method,
                      const Placement& placement,
                      const TransformerOptions& options);

// Weights, what is trained of them with its gradients and AdamW's moments, the
// buffers of a step; and on a GPU what its libraries take.
MemoryPlan PlanMemory(const ModelConfig& config, const Method& method,
                      const Placement& placement,
                      const TransformerOptions& options);

// The most tokens of a micro-batch with which the plan is within `bytes`; 0 if
// even one is too many. options.max_tokens is not looked at, and where the
// number of documents is limited it grows with the tokens.
int64_t MostTokens(const ModelConfig& config, const Method& method,
                   const Placement& placement,
                   const TransformerOptions& options, int64_t bytes);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_MEMORY_NEEDS_H_
