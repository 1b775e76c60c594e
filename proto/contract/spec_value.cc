#include "proto/contract/spec_value.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lockstep {
namespace {

using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::EnumValueDescriptor;

// The zero value is named PREFIX_UNSPECIFIED.
std::string PrefixOf(const EnumDescriptor& type) {
  absl::string_view zero = type.FindValueByNumber(0)->name();
  absl::ConsumeSuffix(&zero, "UNSPECIFIED");
  return std::string(zero);
}

}  // namespace

std::string EnumYamlName(const EnumValueDescriptor& value) {
  if (value.number() == 0) return "";
  absl::string_view name = value.name();
  absl::ConsumePrefix(&name, PrefixOf(*value.type()));
  return absl::AsciiStrToLower(name);
}

std::string EnumYamlName(const EnumDescriptor& type, int number) {
  const EnumValueDescriptor* value = type.FindValueByNumber(number);
  return value == nullptr ? absl::StrCat(number) : EnumYamlName(*value);
}

const EnumValueDescriptor* FindEnumByYamlName(const EnumDescriptor& type,
                                              absl::string_view name) {
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor& value = *type.value(i);
    if (value.number() != 0 && EnumYamlName(value) == name) return &value;
  }
  return nullptr;
}

std::vector<std::string> EnumYamlNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) {
      names.push_back(EnumYamlName(*type.value(i)));
    }
  }
  return names;
}

}  // namespace lockstep
