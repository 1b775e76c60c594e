#include "kernels/swiglu.h"

#include "kernels/status.h"

namespace lockstep {

absl::Status SwigluForward(TensorView out_TI, TensorView gate_up,
                           Stream stream) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("swiglu out", out_TI, out_TI.rows, out_TI.cols));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("swiglu gate_up", gate_up, out_TI.rows, 2 * out_TI.cols));
  return gate_up.device == Device::kCuda
             ? SwigluForwardCuda(out_TI, gate_up, stream)
             : SwigluForwardCpu(out_TI, gate_up);
}

absl::Status SwigluBackward(TensorView gate_up, TensorView activation_TI,
                            TensorView d_out_TI, Stream stream) {
  const int64_t t = d_out_TI.rows, i = d_out_TI.cols;
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(CheckShape("swiglu d_out", d_out_TI, t, i));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckShape("swiglu gate_up", gate_up, t, 2 * i));
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(
      CheckOptionalShape("swiglu activation", activation_TI, t, i));
  return gate_up.device == Device::kCuda
             ? SwigluBackwardCuda(gate_up, activation_TI, d_out_TI, stream)
             : SwigluBackwardCpu(gate_up, activation_TI, d_out_TI);
}

}  // namespace lockstep
