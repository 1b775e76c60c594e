#include "absl/strings/str_cat.h"
#include "kernels/cpu/attention_tile.h"

namespace lockstep::attention {

absl::Status CheckDocuments(const PackedDocuments& documents, int64_t tokens) {
  const int32_t* starts = documents.cu_seqlens;
  if (starts[0] != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "attention: cu_seqlens[0] is ", starts[0], " and must be 0"));
  }
  for (int64_t n = 0; n < documents.count; ++n) {
    const int64_t length = int64_t{starts[n + 1]} - starts[n];
    if (length < 0 || starts[n + 1] > tokens || length > documents.max_length) {
      return absl::InvalidArgumentError(
          absl::StrCat("attention: document ", n, " is rows [", starts[n], ", ",
                       starts[n + 1], ") of ", tokens, ", and max_length is ",
                       documents.max_length));
    }
  }
  return absl::OkStatus();
}

}  // namespace lockstep::attention
