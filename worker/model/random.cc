#include "worker/model/random.h"

namespace lockstep {
namespace {

// [0, 1) with 53 random bits.
double Uniform(uint64_t seed, uint64_t position) {
  return (Mix(seed, position) >> 11) * 0x1.0p-53;
}

}  // namespace

void FillUniform(uint64_t seed, double low, double high, at::Tensor& tensor) {
  float* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<float>(low + (high - low) * Uniform(seed, i));
  }
}

}  // namespace lockstep
