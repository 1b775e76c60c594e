#include "client/cli/json.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"

namespace lockstep::cli {
namespace {

std::string Print(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = indented;
  std::string text;
  // Fails only for an Any of unknown type, which no message here holds.
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  return text;
}

}  // namespace

std::string ToJsonLine(const google::protobuf::Message& message) {
  return Print(message, /*indented=*/false);
}

std::string ToJson(const google::protobuf::Message& message) {
  return Print(message, /*indented=*/true);
}

std::string ToJsonList(const google::protobuf::Message& response) {
  const google::protobuf::FieldDescriptor* list =
      response.GetDescriptor()->field(0);
  if (response.GetReflection()->FieldSize(response, list) > 0) {
    return ToJson(response);
  }
  return absl::StrCat("{\n \"", list->name(), "\": []\n}\n");
}

}  // namespace lockstep::cli
