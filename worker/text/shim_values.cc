#include "worker/text/shim_values.h"

namespace lockstep {

std::string TakeText(lockstep_text text) {
  std::string copy(text.data, text.size);
  lockstep_text_free(text);
  return copy;
}

absl::Status TakeError(lockstep_text error) {
  return absl::InvalidArgumentError(TakeText(error));
}

std::vector<ByteSpan> ToSpans(const lockstep_span* spans, size_t size) {
  std::vector<ByteSpan> copy;
  copy.reserve(size);
  for (size_t i = 0; i < size; ++i) {
    copy.push_back({static_cast<int64_t>(spans[i].begin),
                    static_cast<int64_t>(spans[i].end)});
  }
  return copy;
}

}  // namespace lockstep
