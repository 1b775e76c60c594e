#include "worker/text/safetensors_header.h"

#include "absl/cleanup/cleanup.h"
#include "worker/text/shim_values.h"

namespace lockstep {

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(
    absl::string_view header, uint64_t data_bytes) {
  lockstep_tensors parsed;
  lockstep_text error;
  if (!lockstep_parse_safetensors_header(ToView(header), data_bytes, &parsed,
                                         &error)) {
    return TakeError(error);
  }
  const absl::Cleanup free = [&] { lockstep_tensors_free(parsed); };
  SafetensorsHeader result;
  result.tensors.reserve(parsed.size);
  for (size_t i = 0; i < parsed.size; ++i) {
    const lockstep_tensor& tensor = parsed.tensors[i];
    result.tensors.push_back(
        {std::string(tensor.name.data, tensor.name.size),
         std::string(tensor.dtype.data, tensor.dtype.size),
         std::vector<uint64_t>(tensor.shape, tensor.shape + tensor.dims),
         tensor.data.begin, tensor.data.end});
  }
  return result;
}

}  // namespace lockstep
