// The CUDA entries of a build without CUDA: CMake links this file in their
// place, so the headers need no #if.

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kernels/adamw.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout.h"
#include "kernels/embedding.h"
#include "kernels/fp8_tail.h"
#include "kernels/global_norm.h"
#include "kernels/gpu_identity.h"
#include "kernels/linear_bias.h"
#include "kernels/lora_pack.h"
#include "kernels/quantize_fp8.h"
#include "kernels/rms_norm.h"
#include "kernels/rotary_embedding.h"
#include "kernels/row_select.h"
#include "kernels/swiglu.h"

namespace lockstep {
namespace {

absl::Status NoCuda(absl::string_view op) {
  return absl::UnimplementedError(
      absl::StrCat(op, ": this build has no CUDA kernels"));
}

}  // namespace

absl::Status AdamWStepCuda(const AdamWArgs&, Stream) { return NoCuda("adamw"); }

absl::Status CrossEntropyForwardCuda(const CrossEntropyArgs&, Stream) {
  return NoCuda("cross_entropy");
}

absl::Status CrossEntropyForwardBackwardCuda(const CrossEntropyArgs&, Stream) {
  return NoCuda("cross_entropy");
}

absl::Status DropoutCuda(TensorView, TensorView, const DropoutMask&, Stream) {
  return NoCuda("dropout");
}

absl::Status EmbeddingForwardCuda(TensorView, TensorView, const int32_t*,
                                  Stream) {
  return NoCuda("embedding");
}

absl::Status EmbeddingBackwardCuda(TensorView, TensorView, const int32_t*,
                                   Stream) {
  return NoCuda("embedding");
}

absl::Status PackFp8TailsCuda(absl::Span<const Fp8Tail>, Stream) {
  return NoCuda("fp8_tail");
}

absl::Status SquaredSumCuda(const SquaredSumArgs&, Stream) {
  return NoCuda("global_norm");
}

absl::Status CheckGpuDriver() { return NoCuda("gpu driver"); }

absl::StatusOr<GpuIdentity> IdentifyGpu(int) {
  return NoCuda("identify the GPU");
}

absl::Status LinearBiasForwardCuda(TensorView, TensorView, Stream) {
  return NoCuda("linear_bias");
}

absl::Status LinearBiasBackwardCuda(float*, TensorView, Stream) {
  return NoCuda("linear_bias");
}

absl::Status LoraPackCuda(const LoraPackArgs&, Stream) {
  return NoCuda("lora_pack");
}

absl::Status QuantizeFp8Cuda(const QuantizeFp8Args&, Stream) {
  return NoCuda("quantize_fp8");
}

absl::Status RmsNormForwardCuda(const RmsNormForwardArgs&, Stream) {
  return NoCuda("rms_norm");
}

absl::Status RmsNormBackwardCuda(const RmsNormBackwardArgs&, Stream) {
  return NoCuda("rms_norm");
}

absl::Status RotaryEmbeddingForwardCuda(const RotaryEmbeddingArgs&, Stream) {
  return NoCuda("rotary_embedding");
}

absl::Status RotaryEmbeddingBackwardCuda(const RotaryEmbeddingArgs&, Stream) {
  return NoCuda("rotary_embedding");
}

absl::Status GatherRowsCuda(TensorView, TensorView, const int32_t*, Stream) {
  return NoCuda("row_select");
}

absl::Status ScatterRowsCuda(TensorView, TensorView, const int32_t*, Stream) {
  return NoCuda("row_select");
}

absl::Status ScatterAddRowsCuda(TensorView, TensorView, const int32_t*,
                                Stream) {
  return NoCuda("row_select");
}

absl::Status SwigluForwardCuda(TensorView, TensorView, Stream) {
  return NoCuda("swiglu");
}

absl::Status SwigluBackwardCuda(TensorView, TensorView, TensorView, Stream) {
  return NoCuda("swiglu");
}

}  // namespace lockstep
