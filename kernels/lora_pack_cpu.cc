#include <algorithm>

#include "kernels/lora_pack.h"
#include "kernels/status.h"

namespace lockstep {

absl::Status LoraPackCpu(const LoraPackArgs& args) {
  for (const TensorView& view :
       {args.stacked_a_RK, args.scaled_b_NR, args.a_RK, args.b_NR}) {
    LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckCpuFloat("lora_pack", view));
  }
  const int64_t rank = args.a_RK.rows;
  const auto scale = static_cast<float>(args.scale);
  for (int64_t r = 0; r < rank; ++r) {
    std::copy_n(args.a_RK.FloatRow(r), args.a_RK.cols,
                args.stacked_a_RK.FloatRow(args.column + r));
  }
  for (int64_t n = 0; n < args.b_NR.rows; ++n) {
    const float* b = args.b_NR.FloatRow(n);
    float* row = args.scaled_b_NR.FloatRow(args.row + n) + args.column;
    for (int64_t r = 0; r < rank; ++r) row[r] = scale * b[r];
  }
  return absl::OkStatus();
}

}  // namespace lockstep
