#include "worker/train/run_board.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "proto/contract/spec_value.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Nothing for messages and lists.
std::optional<HParam> HParamOf(const Message& message,
                               const FieldDescriptor& field) {
  const google::protobuf::Reflection& at = *message.GetReflection();
  if (field.is_repeated()) return std::nullopt;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return at.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_INT32:
      return static_cast<double>(at.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return static_cast<double>(at.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return at.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_STRING:
      return at.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumYamlName(*field.enum_type(), at.GetEnumValue(message, &field));
    default:
      return std::nullopt;
  }
}

void AddFields(const Message& message, absl::string_view prefix,
               std::map<std::string, HParam>& hparams) {
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    std::optional<HParam> hparam = HParamOf(message, *field);
    if (!hparam.has_value()) continue;
    hparams.insert({absl::StrCat(prefix, field->name()), *std::move(hparam)});
  }
}

std::string ConfigText(const v1::JobSpec& spec) {
  google::protobuf::util::JsonPrintOptions print;
  print.add_whitespace = true;
  print.preserve_proto_field_names = true;
  std::string json;
  // Fails only for an Any of unknown type, which a spec does not hold.
  (void)google::protobuf::util::MessageToJsonString(spec, &json, print);
  return absl::StrCat("```json\n", json, "\n```");
}

}  // namespace

std::map<std::string, HParam> HParamsOf(const v1::JobSpec& spec) {
  std::map<std::string, HParam> hparams;
  AddFields(spec.train(), "", hparams);
  if (spec.method().has_lora()) {
    const v1::LoraSpec& lora = spec.method().lora();
    AddFields(lora, "lora.", hparams);
    hparams["lora.target_modules"] = absl::StrJoin(lora.target_modules(), ",");
  }
  hparams["method"] = std::string(spec.method().has_lora() ? "lora" : "full");
  hparams["model"] = spec.model().path();
  hparams["max_length"] = static_cast<double>(spec.data().max_length());
  hparams["packing"] =
      EnumYamlName(*v1::DataSpec::Packing_descriptor(), spec.data().packing());
  hparams["ranks"] = static_cast<double>(spec.resources().ranks());
  return hparams;
}

absl::StatusOr<std::unique_ptr<TensorBoardWriter>> BeginRunBoard(
    const v1::JobSpec& spec, int64_t resumed_step) {
  ASSIGN_OR_RETURN(std::unique_ptr<TensorBoardWriter> board,
                   TensorBoardWriter::Create(
                       JoinPath(spec.output_dir(), "runs"), resumed_step));
  RETURN_IF_ERROR(board->AddText(resumed_step, "config", ConfigText(spec)));
  RETURN_IF_ERROR(board->AddHParams(HParamsOf(spec)));
  return board;
}

}  // namespace lockstep
