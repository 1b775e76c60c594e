#include "kernels/dtype.h"

namespace lockstep {

absl::string_view DeviceName(Device device) {
  return device == Device::kCuda ? "cuda" : "cpu";
}

absl::string_view DTypeName(DType dtype) {
  return dtype == DType::kBFloat16 ? "bfloat16" : "float32";
}

}  // namespace lockstep
