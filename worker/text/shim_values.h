#ifndef LOCKSTEP_WORKER_TEXT_SHIM_VALUES_H_
#define LOCKSTEP_WORKER_TEXT_SHIM_VALUES_H_

// What crosses between C++ and the Rust library; for the .cc files of this
// folder only.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/text/shim/lockstep_text.h"
#include "worker/text/tokenizer.h"

namespace lockstep {

inline lockstep_view ToView(absl::string_view text) {
  return {text.data(), text.size()};
}

// Copies and frees.
std::string TakeText(lockstep_text text);

// INVALID_ARGUMENT with the library's message, which is freed.
absl::Status TakeError(lockstep_text error);

std::vector<ByteSpan> ToSpans(const lockstep_span* spans, size_t size);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_SHIM_VALUES_H_
