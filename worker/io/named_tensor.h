#ifndef LOCKSTEP_WORKER_IO_NAMED_TENSOR_H_
#define LOCKSTEP_WORKER_IO_NAMED_TENSOR_H_

// Float32 numbers in somebody's memory, under the name they have in a file. So
// the writers of files need to know nothing of at::Tensor.

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  // Contiguous, borrowed.
  const float* data = nullptr;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_NAMED_TENSOR_H_
