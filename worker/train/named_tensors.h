#ifndef LOCKSTEP_WORKER_TRAIN_NAMED_TENSORS_H_
#define LOCKSTEP_WORKER_TRAIN_NAMED_TENSORS_H_

// Parameters as the writers of files see them.

#include <vector>

#include "worker/io/named_tensor.h"
#include "worker/model/parameters.h"

namespace lockstep {

// One entry a parameter, with its part of `flat`, which is in host memory, laid
// out like parameters.values(), and must outlive the result.
inline std::vector<NamedTensor> NamedTensors(const Parameters& parameters,
                                             const at::Tensor& flat) {
  std::vector<NamedTensor> tensors;
  tensors.reserve(parameters.list().size());
  for (const Parameter& parameter : parameters.list()) {
    tensors.push_back({parameter.name, parameter.shape,
                       flat.data_ptr<float>() + parameter.offset});
  }
  return tensors;
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_NAMED_TENSORS_H_
