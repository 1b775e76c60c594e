#include "proto/contract/labels.h"

#include "absl/strings/str_cat.h"

namespace lockstep {
namespace {

constexpr size_t kMaxLabels = 64;
constexpr size_t kMaxLabelBytes = 128;

}  // namespace

std::vector<FieldViolation> CheckLabels(
    const google::protobuf::Map<std::string, std::string>& labels) {
  std::vector<FieldViolation> violations;
  if (labels.size() > kMaxLabels) {
    violations.push_back(
        {"labels", absl::StrCat(labels.size(), " labels; at most ", kMaxLabels,
                                " are allowed")});
  }
  for (const auto& [key, value] : labels) {
    if (!key.empty() && key.size() <= kMaxLabelBytes &&
        value.size() <= kMaxLabelBytes) {
      continue;
    }
    violations.push_back(
        {absl::StrCat("labels.", key.substr(0, kMaxLabelBytes)),
         absl::StrCat("a label and its value have at most ", kMaxLabelBytes,
                      " bytes, and a name")});
  }
  return violations;
}

}  // namespace lockstep
