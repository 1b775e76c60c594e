#ifndef LOCKSTEP_WORKER_IO_FLOAT_CONVERSION_H_
#define LOCKSTEP_WORKER_IO_FLOAT_CONVERSION_H_

// Between float32 and what weights are stored in. Towards the narrower types
// numbers are rounded once, to nearest, ties to even, as Torch does; NaN stays
// NaN and what is too large becomes infinite.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace lockstep {

uint16_t Float32ToBfloat16(float value);
float Bfloat16ToFloat32(uint16_t bits);
uint16_t Float32ToFloat16(float value);
float Float16ToFloat32(uint16_t bits);

// Bytes of one element of a safetensors dtype that holds weights: F32, BF16,
// F16. INVALID_ARGUMENT for others.
absl::StatusOr<int64_t> FloatDtypeBytes(const std::string& dtype);

// `elements` numbers of `dtype` at `in` as float32, and back. dtype is one that
// FloatDtypeBytes knows.
void DecodeFloats(const std::string& dtype, const void* in, int64_t elements,
                  float* out);
void EncodeFloats(const std::string& dtype, const float* in, int64_t elements,
                  void* out);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_FLOAT_CONVERSION_H_
