#ifndef LOCKSTEP_CLIENT_CLI_JSON_H_
#define LOCKSTEP_CLIENT_CLI_JSON_H_

// -o json: protos in their JSON form, with the field names of the .proto.

#include <string>

#include "google/protobuf/message.h"

namespace lockstep::cli {

// One line without newline; 64-bit integers are strings, as proto JSON wants.
std::string ToJsonLine(const google::protobuf::Message& message);

// Indented, with a newline at the end.
std::string ToJson(const google::protobuf::Message& message);

// The same for a response whose first field is a list: that is there even when
// it is empty, so that nobody has to ask.
std::string ToJsonList(const google::protobuf::Message& response);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_JSON_H_
