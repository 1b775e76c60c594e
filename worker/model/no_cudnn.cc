// In place of cudnn_attention.cc in a build without CUDA.

#include "worker/model/cudnn_attention.h"

namespace lockstep {

absl::StatusOr<std::unique_ptr<Cudnn>> Cudnn::Create() {
  return absl::FailedPreconditionError("this build has no CUDA");
}

Cudnn::~Cudnn() = default;

absl::StatusOr<std::unique_ptr<CudnnAttention>> CudnnAttention::Forward(
    const Cudnn& /*cudnn*/, const CudnnAttentionShape& /*shape*/) {
  return absl::FailedPreconditionError("this build has no CUDA");
}

absl::StatusOr<std::unique_ptr<CudnnAttention>> CudnnAttention::Backward(
    const Cudnn& /*cudnn*/, const CudnnAttentionShape& /*shape*/) {
  return absl::FailedPreconditionError("this build has no CUDA");
}

}  // namespace lockstep
