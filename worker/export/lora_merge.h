#ifndef LOCKSTEP_WORKER_EXPORT_LORA_MERGE_H_
#define LOCKSTEP_WORKER_EXPORT_LORA_MERGE_H_

// The arithmetic of a merge, over plain memory: exporting links no Torch.

#include <cstdint>

namespace lockstep {

struct LoraMerge {
  int64_t out = 0;
  int64_t in = 0;
  int64_t r = 0;
  double scale = 0;
};

// weight [out, in] += scale * b [out, r] * a [r, in], in float32; the product
// is summed before it is scaled, as PEFT does.
void MergeLora(const LoraMerge& merge, const float* a, const float* b,
               float* weight);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_EXPORT_LORA_MERGE_H_
