#include "worker/data/chat_messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Bad(const std::string& where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// JSON inside a string, or the value itself.
Json Unquoted(const Json& value) {
  if (!value.is_string()) return value;
  Json inner = Json::parse(value.get_ref<const std::string&>(), nullptr,
                           /*allow_exceptions=*/false);
  return inner.is_structured() ? inner : value;
}

// JSON, short enough for a message.
std::string Excerpt(const Json& value) {
  constexpr size_t kMost = 80;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true,
                                Json::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

// [{"type": "text", "text": "..."}, ...] joined.
absl::StatusOr<std::string> JoinParts(const std::string& where,
                                      const Json& parts) {
  std::string text;
  for (const Json& part : parts) {
    const bool is_text = part.is_object() &&
                         part.value("type", Json()) == "text" &&
                         part.value("text", Json()).is_string();
    if (!is_text) {
      return Bad(where, absl::StrCat(
                            "content may only have parts {\"type\": \"text\", "
                            "\"text\": string}, not ",
                            Excerpt(part)));
    }
    text += part["text"].get_ref<const std::string&>();
  }
  return text;
}

absl::Status NormaliseContent(const std::string& where, Json& message) {
  const auto content = message.find("content");
  const bool calls_tools = message.contains("tool_calls");
  if (content == message.end() || content->is_null()) {
    if (calls_tools) return absl::OkStatus();
    return Bad(where, "has no content");
  }
  if (content->is_string()) return absl::OkStatus();
  if (!content->is_array()) {
    return Bad(where, absl::StrCat("content is a ", content->type_name(),
                                   ", not a string"));
  }
  ASSIGN_OR_RETURN(*content, JoinParts(where, *content));
  return absl::OkStatus();
}

absl::Status NormaliseToolCalls(const std::string& where, Json& message) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || calls->is_null()) return absl::OkStatus();
  if (!calls->is_array()) return Bad(where, "tool_calls is not a list");
  for (Json& call : *calls) {
    if (!call.is_object()) return Bad(where, "a tool call is not an object");
    const auto function = call.find("function");
    Json& target = function != call.end() ? *function : call;
    if (!target.is_object()) return Bad(where, "function is not an object");
    const auto arguments = target.find("arguments");
    if (arguments != target.end()) *arguments = Unquoted(*arguments);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<bool>> TakeLearnFlag(const std::string& where,
                                                  const std::string& role,
                                                  Json& message) {
  std::optional<bool> learn;
  if (const auto weight = message.find("weight"); weight != message.end()) {
    if (role != "assistant") {
      return Bad(where, "weight is only for messages by the assistant");
    }
    if (*weight != 0 && *weight != 1) {
      return Bad(where, absl::StrCat("weight ", weight->dump(),
                                     " is neither 0 nor 1"));
    }
    learn = *weight == 1;
    message.erase("weight");
  }
  if (const auto train = message.find("train"); train != message.end()) {
    if (!train->is_boolean()) {
      return Bad(where, absl::StrCat("train ", train->dump(),
                                     " is neither true nor false"));
    }
    if (learn.has_value() && *learn != train->get<bool>()) {
      return Bad(where, "weight and train contradict each other");
    }
    learn = train->get<bool>();
    message.erase("train");
  }
  return learn;
}

absl::Status AppendMessage(const std::string& where, Json message,
                           Conversation& conversation) {
  if (!message.is_object()) return Bad(where, "is not an object");
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string()) {
    return Bad(where, "has no role");
  }
  conversation.roles.push_back(role->get<std::string>());
  RETURN_IF_ERROR(NormaliseContent(where, message));
  RETURN_IF_ERROR(NormaliseToolCalls(where, message));
  ASSIGN_OR_RETURN(const std::optional<bool> learn,
                   TakeLearnFlag(where, conversation.roles.back(), message));
  conversation.learn.push_back(learn);
  conversation.messages.push_back(std::move(message));
  return absl::OkStatus();
}

}  // namespace

absl::Status AppendMessages(const Json& list, const std::string& key,
                            Conversation& conversation) {
  if (!list.is_array() || list.empty()) {
    return Bad(key, "is not a list of messages");
  }
  for (size_t i = 0; i < list.size(); ++i) {
    RETURN_IF_ERROR(
        AppendMessage(absl::StrCat(key, "[", i, "]"), list[i], conversation));
  }
  return absl::OkStatus();
}

absl::Status TakeTemplateArguments(const Json& row,
                                   Conversation& conversation) {
  if (const auto tools = row.find("tools"); tools != row.end()) {
    conversation.tools = Unquoted(*tools);
    if (!conversation.tools.is_array() && !conversation.tools.is_null()) {
      return Bad("tools", "is not a list");
    }
    for (Json& tool : conversation.tools) tool = Unquoted(tool);
  }
  const auto arguments = row.find("chat_template_kwargs");
  if (arguments != row.end() && !arguments->is_null()) {
    if (!arguments->is_object()) {
      return Bad("chat_template_kwargs", "is not an object");
    }
    conversation.template_arguments = *arguments;
  }
  return absl::OkStatus();
}

}  // namespace lockstep
