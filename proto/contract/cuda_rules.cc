#include "proto/contract/cuda_rules.h"

namespace lockstep {

std::vector<FieldViolation> CudaViolations(const v1::JobSpec& spec) {
  if (spec.model().dtype() != v1::ModelSpec::DTYPE_FLOAT32) return {};
  return {{"model.dtype", "float32: cuda is built for bf16"}};
}

}  // namespace lockstep
