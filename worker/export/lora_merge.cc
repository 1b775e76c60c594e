#include "worker/export/lora_merge.h"

#include <algorithm>
#include <vector>

namespace lockstep {

void MergeLora(const LoraMerge& merge, const float* a, const float* b,
               float* weight) {
  const float scale = static_cast<float>(merge.scale);
  std::vector<float> delta(static_cast<size_t>(merge.in));
  for (int64_t row = 0; row < merge.out; ++row) {
    std::fill(delta.begin(), delta.end(), 0.0f);
    for (int64_t k = 0; k < merge.r; ++k) {
      const float factor = b[row * merge.r + k];
      const float* a_row = a + k * merge.in;
      for (int64_t column = 0; column < merge.in; ++column) {
        delta[column] += factor * a_row[column];
      }
    }
    float* weight_row = weight + row * merge.in;
    for (int64_t column = 0; column < merge.in; ++column) {
      weight_row[column] += scale * delta[column];
    }
  }
}

}  // namespace lockstep
