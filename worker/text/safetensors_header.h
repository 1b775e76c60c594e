#ifndef LOCKSTEP_WORKER_TEXT_SAFETENSORS_HEADER_H_
#define LOCKSTEP_WORKER_TEXT_SAFETENSORS_HEADER_H_

// The JSON header of a safetensors file, parsed and checked by the format's
// own Rust crate, and by what that crate leaves out. Reading the file is
// worker/io's part.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {

struct SafetensorsHeader {
  struct Tensor {
    std::string name;
    // As the format spells it: F32, BF16, F16, I64, U8, ...
    std::string dtype;
    std::vector<uint64_t> shape;
    // Bytes of the data part.
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  // In the order of the data.
  std::vector<Tensor> tensors;
};

// `header` is the text between the length and the data, `data_bytes` what
// follows it in the file. INVALID_ARGUMENT, naming the tensor where there is
// one: longer than 16 MiB, not UTF-8, not a JSON object, a key twice, unknown
// dtype, metadata that are not strings, shape against bytes, offsets that
// overlap, leave holes, end before or after the data.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(
    absl::string_view header, uint64_t data_bytes);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_SAFETENSORS_HEADER_H_
