#include "client/cli/yaml_message.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/nearest.h"
#include "client/cli/yaml_scalar.h"
#include "google/protobuf/duration.pb.h"
#include "proto/contract/spec_value.h"

namespace lockstep::cli {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

Position PositionOf(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

YamlScalar ScalarOf(const YAML::Node& node) {
  return {node.Scalar(), node.Tag() == "!"};
}

// What is there instead of what was wanted.
std::string Kind(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (node.IsNull()) return "empty";
  return absl::StrCat("\"", node.Scalar().substr(0, 60), "\"");
}

std::string Join(const std::string& path, absl::string_view key) {
  return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
}

const FieldDescriptor* FindField(const Descriptor& type,
                                 absl::string_view key) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (YamlKey(*type.field(i)) == key) return type.field(i);
  }
  return nullptr;
}

std::vector<std::string> Keys(const Descriptor& type) {
  std::vector<std::string> keys;
  keys.reserve(type.field_count());
  for (int i = 0; i < type.field_count(); ++i) {
    keys.push_back(YamlKey(*type.field(i)));
  }
  return keys;
}

bool IsSection(const FieldDescriptor& field) {
  return field.message_type() != nullptr && !field.is_repeated();
}

// "train.learning_rate" for a key that stands one level too high.
std::string FindBelow(const Descriptor& type, absl::string_view key) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (IsSection(field) && FindField(*field.message_type(), key) != nullptr) {
      return absl::StrCat(YamlKey(field), ".", key);
    }
  }
  return "";
}

std::string UnknownField(const Descriptor& type, const std::string& key) {
  if (key == "<<") return "merge keys are not read; write the fields out";
  std::string nearest = NearestWord(key, Keys(type));
  if (nearest.empty()) nearest = FindBelow(type, key);
  if (!nearest.empty()) {
    return absl::StrCat("unknown field; did you mean ", nearest, "?");
  }
  const std::vector<std::string> keys = Keys(type);
  return keys.empty() ? "unknown field; none is allowed here"
                      : absl::StrCat("unknown field; allowed are ",
                                     absl::StrJoin(keys, ", "));
}

std::string UnknownValue(const google::protobuf::EnumDescriptor& type,
                         const std::string& text) {
  const std::vector<std::string> names = EnumYamlNames(type);
  const std::string nearest = NearestWord(text, names);
  return absl::StrCat(
      "\"", text.substr(0, 60), "\" is not one of ", absl::StrJoin(names, ", "),
      nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"));
}

}  // namespace

std::string YamlKey(const FieldDescriptor& field) {
  // The one name that Kubernetes has made known in another spelling.
  return field.name() == "api_version" ? "apiVersion" : field.name();
}

void YamlReader::Add(const YAML::Node& node, const std::string& path,
                     const std::string& message) {
  problems_.push_back({PositionOf(node), path, message});
}

std::map<std::string, YAML::Node> YamlReader::Entries(const YAML::Node& node,
                                                      const std::string& path) {
  std::map<std::string, YAML::Node> entries;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      Add(entry.first, path, absl::StrCat("a key is ", Kind(entry.first)));
      continue;
    }
    const std::string& key = entry.first.Scalar();
    if (!entries.emplace(key, entry.second).second) {
      Add(entry.first, Join(path, key), "is given twice");
    }
    positions_.emplace(Join(path, key), PositionOf(entry.first));
  }
  return entries;
}

void YamlReader::ReadMessage(const YAML::Node& node, const std::string& path,
                             Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  if (!node.IsMap()) {
    Add(node, path,
        absl::StrCat("is ", Kind(node), "; a mapping is needed, as in ",
                     path.empty() ? "apiVersion: lockstep/v1"
                                  : absl::StrCat(path, type.field_count() == 0
                                                           ? ": {}"
                                                           : ": {...}")));
    return;
  }
  for (const auto& [key, value] : Entries(node, path)) {
    const FieldDescriptor* field = FindField(type, key);
    const std::string field_path = Join(path, key);
    if (field == nullptr) {
      problems_.push_back(
          {positions_[field_path], field_path, UnknownField(type, key)});
    } else {
      ReadField(value, field_path, *field, message);
    }
  }
}

void YamlReader::ReadField(const YAML::Node& node, const std::string& path,
                           const FieldDescriptor& field, Message* message) {
  message->GetReflection()->ClearField(message, &field);
  if (field.is_map()) {
    ReadMap(node, path, field, message);
  } else if (field.is_repeated()) {
    ReadList(node, path, field, message);
  } else if (field.message_type() != nullptr) {
    Message* child = message->GetReflection()->MutableMessage(message, &field);
    if (child->GetDescriptor() == google::protobuf::Duration::descriptor()) {
      ReadDuration(node, path, child);
    } else {
      ReadMessage(node, path, child);
    }
  } else if (!node.IsNull()) {  // `chat_template: null` is: not set.
    ReadScalar(node, path, field, message);
  }
}

void YamlReader::ReadList(const YAML::Node& node, const std::string& path,
                          const FieldDescriptor& field, Message* message) {
  const bool scalars = field.message_type() == nullptr;
  if (scalars && node.IsScalar()) {  // target_modules: all-linear
    ReadScalar(node, path, field, message);
    return;
  }
  if (!node.IsSequence()) {
    Add(node, path,
        absl::StrCat("is ", Kind(node), "; a list is needed, as in ", path,
                     scalars ? ": [a, b]" : ": [{...}]"));
    return;
  }
  for (size_t i = 0; i < node.size(); ++i) {
    const std::string item = absl::StrCat(path, "[", i, "]");
    positions_.emplace(item, PositionOf(node[i]));
    if (scalars) {
      ReadScalar(node[i], item, field, message);
    } else {
      ReadMessage(node[i], item,
                  message->GetReflection()->AddMessage(message, &field));
    }
  }
}

// Maps are string to string in all of JobSpec.
void YamlReader::ReadMap(const YAML::Node& node, const std::string& path,
                         const FieldDescriptor& field, Message* message) {
  if (!node.IsMap()) {
    Add(node, path,
        absl::StrCat("is ", Kind(node), "; a mapping is needed, as in ", path,
                     ": {key: value}"));
    return;
  }
  for (const auto& [key, value] : Entries(node, path)) {
    if (!value.IsScalar()) {
      Add(value, Join(path, key),
          absl::StrCat("is ", Kind(value), "; a text is needed"));
      continue;
    }
    Message* entry = message->GetReflection()->AddMessage(message, &field);
    const auto& reflection = *entry->GetReflection();
    reflection.SetString(entry, field.message_type()->map_key(), key);
    reflection.SetString(entry, field.message_type()->map_value(),
                         value.Scalar());
  }
}

void YamlReader::ReadDuration(const YAML::Node& node, const std::string& path,
                              Message* message) {
  const absl::StatusOr<absl::Duration> value = ParseTime(
      node.IsScalar() ? ScalarOf(node) : YamlScalar{Kind(node), false});
  if (!value.ok()) {
    Add(node, path, std::string(value.status().message()));
    return;
  }
  google::protobuf::Duration duration;
  duration.set_seconds(absl::ToInt64Seconds(*value));
  duration.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(*value - absl::Seconds(duration.seconds()))));
  message->CopyFrom(duration);
}

void YamlReader::ReadScalar(const YAML::Node& node, const std::string& path,
                            const FieldDescriptor& field, Message* message) {
  if (!node.IsScalar()) {
    Add(node, path, absl::StrCat("is ", Kind(node), "; one value is needed"));
    return;
  }
  const auto& reflection = *message->GetReflection();
  const YamlScalar scalar = ScalarOf(node);
  const auto set = [&](const auto& value, auto setter) {
    if (value.ok()) {
      setter(*value);
    } else {
      Add(node, path, std::string(value.status().message()));
    }
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.is_repeated()) {
        reflection.AddString(message, &field, scalar.text);
      } else {
        reflection.SetString(message, &field, scalar.text);
      }
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      set(ParseInteger(scalar, std::numeric_limits<int32_t>::min(),
                       std::numeric_limits<int32_t>::max()),
          [&](int64_t value) {
            reflection.SetInt32(message, &field, static_cast<int32_t>(value));
          });
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      set(ParseInteger(scalar, std::numeric_limits<int64_t>::min(),
                       std::numeric_limits<int64_t>::max()),
          [&](int64_t value) { reflection.SetInt64(message, &field, value); });
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      set(ParseReal(scalar),
          [&](double value) { reflection.SetDouble(message, &field, value); });
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      set(ParseBool(scalar),
          [&](bool value) { reflection.SetBool(message, &field, value); });
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value =
          FindEnumByYamlName(*field.enum_type(), scalar.text);
      if (value == nullptr) {
        Add(node, path, UnknownValue(*field.enum_type(), scalar.text));
      } else {
        reflection.SetEnum(message, &field, value);
      }
      break;
    }
    default:
      Add(node, path, "cannot be set from a job file");
  }
}

}  // namespace lockstep::cli
