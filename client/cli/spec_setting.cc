// ApplySetting of spec_file.h.

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/nearest.h"
#include "client/cli/spec_file.h"

namespace lockstep::cli {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// One step of a path: "train[0]" is {train, 0}.
struct PathStep {
  std::string key;
  int index = -1;
};

absl::StatusOr<PathStep> ParseStep(absl::string_view text) {
  PathStep step;
  const size_t bracket = text.find('[');
  step.key = std::string(text.substr(0, bracket));
  if (bracket == absl::string_view::npos) return step;
  absl::string_view index = text.substr(bracket + 1);
  if (!absl::ConsumeSuffix(&index, "]") ||
      !absl::SimpleAtoi(index, &step.index) || step.index < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not of the form name[number]"));
  }
  return step;
}

absl::StatusOr<const FieldDescriptor*> FindField(const Message& message,
                                                 const PathStep& step) {
  std::vector<std::string> keys;
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    keys.push_back(YamlKey(*type.field(i)));
    if (keys.back() == step.key) return type.field(i);
  }
  const std::string nearest = NearestWord(step.key, keys);
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown field \"", step.key, "\"",
      nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

// The message behind one inner step of a path.
absl::StatusOr<Message*> Descend(Message* message, const FieldDescriptor& field,
                                 const PathStep& step) {
  const auto& reflection = *message->GetReflection();
  if (field.message_type() == nullptr || field.is_map()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", step.key, "\" has no fields"));
  }
  if (!field.is_repeated()) return reflection.MutableMessage(message, &field);
  const int size = reflection.FieldSize(*message, &field);
  if (step.index < 0 || step.index >= size) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", step.key, "\" is a list of ", size, "; write ",
                     step.key, "[0] for its first entry"));
  }
  return reflection.MutableRepeatedMessage(message, &field, step.index);
}

absl::Status SetMapEntry(Message* message, const FieldDescriptor& field,
                         const std::string& key, const std::string& value) {
  const auto& reflection = *message->GetReflection();
  const auto& type = *field.message_type();
  // The map is read as a list of entries: an entry with the same key is
  // replaced.
  for (int i = 0; i < reflection.FieldSize(*message, &field); ++i) {
    Message* entry = reflection.MutableRepeatedMessage(message, &field, i);
    if (entry->GetReflection()->GetString(*entry, type.map_key()) == key) {
      entry->GetReflection()->SetString(entry, type.map_value(), value);
      return absl::OkStatus();
    }
  }
  Message* entry = reflection.AddMessage(message, &field);
  entry->GetReflection()->SetString(entry, type.map_key(), key);
  entry->GetReflection()->SetString(entry, type.map_value(), value);
  return absl::OkStatus();
}

absl::Status SetField(Message* message, const FieldDescriptor& field,
                      const std::string& path, const std::string& text) {
  YamlReader reader;
  try {  // yaml-cpp reports by throwing.
    reader.ReadField(YAML::Load(text), path, field, message);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not YAML: ", error.msg));
  }
  if (reader.problems().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(reader.problems()[0].message);
}

absl::Status Apply(const std::string& path, const std::string& value,
                   v1::JobSpec* spec) {
  const std::vector<std::string> steps = absl::StrSplit(path, '.');
  Message* message = spec;
  for (size_t i = 0; i < steps.size(); ++i) {
    const absl::StatusOr<PathStep> step = ParseStep(steps[i]);
    if (!step.ok()) return step.status();
    const absl::StatusOr<const FieldDescriptor*> field =
        FindField(*message, *step);
    if (!field.ok()) return field.status();
    const bool last = i + 1 == steps.size();
    if (last && step->index < 0) {
      return SetField(message, **field, path, value);
    }
    if ((*field)->is_map() && i + 2 == steps.size()) {
      return SetMapEntry(message, **field, steps[i + 1], value);
    }
    const absl::StatusOr<Message*> child = Descend(message, **field, *step);
    if (!child.ok()) return child.status();
    message = *child;
  }
  return absl::InvalidArgumentError("names an entry, not one of its fields");
}

}  // namespace

absl::Status ApplySetting(absl::string_view setting, v1::JobSpec* spec) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(setting, absl::MaxSplits('=', 1));
  if (parts.first.empty() || setting.find('=') == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", setting, ": is not of the form path=value"));
  }
  absl::Status status = Apply(parts.first, parts.second, spec);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat("--set ", parts.first, ": ", status.message()));
}

}  // namespace lockstep::cli
