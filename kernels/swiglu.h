#ifndef LOCKSTEP_KERNELS_SWIGLU_H_
#define LOCKSTEP_KERNELS_SWIGLU_H_

// The gated activation of the MLP (arXiv:2002.05202): with gate and up side by
// side in one row of 2I columns and silu(g) = g * sigmoid(g),
//
//   out_TI = silu(gate) * up
//
// T tokens, I inner columns.

#include "absl/status/status.h"
#include "kernels/tensor_view.h"

namespace lockstep {

// `gate_up` is [T, 2I]; `out_TI` does not alias it.
absl::Status SwigluForward(TensorView out_TI, TensorView gate_up,
                           Stream stream = {});
absl::Status SwigluForwardCpu(TensorView out_TI, TensorView gate_up);
absl::Status SwigluForwardCuda(TensorView out_TI, TensorView gate_up,
                               Stream stream);

// In place: gate_up becomes its gradient. With s = sigmoid(gate),
//
//   d_gate = d_out * up * s * (1 + gate * (1 - s))
//   d_up   = d_out * gate * s
//
// `activation_TI`, if defined, receives forward's out again, for the weight
// gradient of the linear behind; it may be d_out_TI.
absl::Status SwigluBackward(TensorView gate_up, TensorView activation_TI,
                            TensorView d_out_TI, Stream stream = {});
absl::Status SwigluBackwardCpu(TensorView gate_up, TensorView activation_TI,
                               TensorView d_out_TI);
absl::Status SwigluBackwardCuda(TensorView gate_up, TensorView activation_TI,
                                TensorView d_out_TI, Stream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_SWIGLU_H_
