#include "proto/contract/cuda_rules.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

// Adapters up to this rank lie inside the frozen matrices.
constexpr int kMaxConcatenatedRank = 64;

}  // namespace

std::vector<FieldViolation> CudaViolations(const v1::JobSpec& spec) {
  std::vector<FieldViolation> violations;
  const auto refuse = [&](const char* field, std::string message) {
    violations.push_back({field, std::move(message)});
  };
  if (spec.method().has_full()) {
    refuse("method.full",
           "is not built for cuda yet; use lora, or device: cpu");
  }
  const v1::LoraSpec& lora = spec.method().lora();
  if (lora.r() > kMaxConcatenatedRank) {
    refuse("method.lora.r", absl::StrCat(lora.r(), ": cuda is built up to ",
                                         kMaxConcatenatedRank));
  }
  if (lora.dropout() > 0) {
    refuse("method.lora.dropout",
           absl::StrCat(lora.dropout(), ": cuda is built for 0"));
  }
  if (spec.model().dtype() == v1::ModelSpec::DTYPE_FLOAT32) {
    refuse("model.dtype", "float32: cuda is built for bf16");
  }
  return violations;
}

}  // namespace lockstep
