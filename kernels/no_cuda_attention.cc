// Attention on a GPU is for cuDNN, not for a kernel of this folder: views of
// GPU memory are refused.

#include "absl/status/status.h"
#include "kernels/attention.h"

namespace lockstep {
namespace {

absl::Status NoCuda() {
  return absl::UnimplementedError("attention: this build has no CUDA kernels");
}

}  // namespace

absl::Status AttentionForwardCuda(const AttentionForwardArgs&, Stream) {
  return NoCuda();
}

absl::Status AttentionBackwardCuda(const AttentionBackwardArgs&, Stream) {
  return NoCuda();
}

}  // namespace lockstep
