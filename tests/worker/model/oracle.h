#ifndef LOCKSTEP_TESTS_WORKER_MODEL_ORACLE_H_
#define LOCKSTEP_TESTS_WORKER_MODEL_ORACLE_H_

// The same model once more, in float64 and with autograd: slow, plain, and the
// judge of every gradient.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

#include "kernels/dropout.h"
#include "worker/model/layout.h"
#include "worker/model/model_config.h"
#include "worker/model/model_weights.h"
#include "worker/model/token_batch.h"

namespace lockstep {

struct OracleResult {
  double loss_sum = 0;
  // By name, of all that is trained.
  std::map<std::string, at::Tensor> gradients;
};

// `read` gives what is not among the parameters of `weights`; `mask` is that of
// the first module of the first block.
OracleResult RunOracle(ModelWeights& weights, const TensorReader& read,
                       const TokenBatch& batch, const DropoutMask& mask = {});

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_MODEL_ORACLE_H_
