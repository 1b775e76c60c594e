#ifndef LOCKSTEP_PROTO_CONTRACT_SPEC_VALUE_H_
#define LOCKSTEP_PROTO_CONTRACT_SPEC_VALUE_H_

// How enum values of a JobSpec are spelled in YAML and in messages to people:
// lower case without the prefix (PACKING_BFD is `bfd`).

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace lockstep {

// "bfd". The zero value, which means "not set", is spelled "".
std::string EnumYamlName(const google::protobuf::EnumValueDescriptor& value);

// The same by number, which stands for a value that only a later release has.
std::string EnumYamlName(const google::protobuf::EnumDescriptor& type,
                         int number);

// The value spelled so, or null.
const google::protobuf::EnumValueDescriptor* FindEnumByYamlName(
    const google::protobuf::EnumDescriptor& type, absl::string_view name);

// All spellings, in the order of the proto.
std::vector<std::string> EnumYamlNames(
    const google::protobuf::EnumDescriptor& type);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_SPEC_VALUE_H_
