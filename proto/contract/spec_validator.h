#ifndef LOCKSTEP_PROTO_CONTRACT_SPEC_VALIDATOR_H_
#define LOCKSTEP_PROTO_CONTRACT_SPEC_VALIDATOR_H_

// The kinds of rules that job_spec.cc holds a spec against.

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "proto/contract/errors.h"
#include "proto/contract/spec_value.h"

namespace lockstep {

// Collects what is wrong; each method is one kind of rule.
class Validator {
 public:
  void Require(bool good, absl::string_view field, absl::string_view message) {
    if (!good)
      violations_.push_back({std::string(field), std::string(message)});
  }

  template <typename Number>
  void InRange(absl::string_view field, Number value, Number low, Number high) {
    Require(value >= low && value <= high, field,
            absl::StrCat(value, " is not between ", low, " and ", high));
  }

  void AtLeast(absl::string_view field, int64_t value, int64_t low) {
    Require(value >= low, field,
            absl::StrCat(value, " is below ", low, ", the least allowed"));
  }

  void Path(absl::string_view field, const std::string& path) {
    if (path.empty()) {
      Require(false, field, "is not set; an absolute path is needed");
    } else {
      Require(absl::StartsWith(path, "/"), field,
              absl::StrCat("\"", path, "\" is not an absolute path"));
      Require(path.find('\0') == std::string::npos, field,
              "the path holds a NUL byte");
    }
  }

  // Refuses every value of an enum but those that are built.
  template <typename Enum>
  void Built(absl::string_view field, Enum value,
             const google::protobuf::EnumDescriptor* type,
             std::initializer_list<Enum> built) {
    if (std::find(built.begin(), built.end(), value) != built.end()) return;
    std::vector<std::string> allowed;
    for (Enum other : built) allowed.push_back(EnumYamlName(*type, other));
    Require(false, field,
            absl::StrCat(EnumYamlName(*type, value),
                         " is known but not built yet; use ",
                         absl::StrJoin(allowed, ", ")));
  }

  // Refuses numbers that no value of the enum has: a newer client's.
  void Known(absl::string_view field, int value,
             const google::protobuf::EnumDescriptor* type) {
    Require(type->FindValueByNumber(value) != nullptr, field,
            absl::StrCat(value, " is not one of ",
                         absl::StrJoin(EnumYamlNames(*type), ", ")));
  }

  void NotBuilt(bool asked, absl::string_view field, absl::string_view value) {
    Require(!asked, field,
            absl::StrCat(value, " is known but not built yet; leave it out"));
  }

  void Add(std::vector<FieldViolation> violations) {
    std::move(violations.begin(), violations.end(),
              std::back_inserter(violations_));
  }

  std::vector<FieldViolation> Take() { return std::move(violations_); }

 private:
  std::vector<FieldViolation> violations_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_SPEC_VALIDATOR_H_
