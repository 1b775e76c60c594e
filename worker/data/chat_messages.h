#ifndef LOCKSTEP_WORKER_DATA_CHAT_MESSAGES_H_
#define LOCKSTEP_WORKER_DATA_CHAT_MESSAGES_H_

// The messages of a row, checked and brought to the form that chat templates
// expect: contents made of text parts become strings, arguments of tool calls
// and tools that are JSON inside a string become JSON, and weight and train,
// which speak to us, are taken out.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace lockstep {

struct Conversation {
  // As templates see them.
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  // Per message: "assistant", "user", ...
  std::vector<std::string> roles;
  // Per message: what its weight or train says, if anything.
  std::vector<std::optional<bool>> learn;
  // null when the row has none, which templates can tell from leaving it out.
  nlohmann::ordered_json tools;
  // An object: chat_template_kwargs.
  nlohmann::ordered_json template_arguments = nlohmann::ordered_json::object();
};

// Appends the messages of `list`. INVALID_ARGUMENT names the message and what
// is wrong with it: no role, content that is not text, weight other than 0 or
// 1 or not on the assistant, ...
absl::Status AppendMessages(const nlohmann::ordered_json& list,
                            const std::string& key, Conversation& conversation);

// Tools and chat_template_kwargs of a row.
absl::Status TakeTemplateArguments(const nlohmann::ordered_json& row,
                                   Conversation& conversation);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_CHAT_MESSAGES_H_
