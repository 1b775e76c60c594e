#include "worker/data/chat.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

constexpr char kAssistant[] = "assistant";

std::vector<ByteSpan> Intersect(const std::vector<ByteSpan>& spans,
                                const ByteSpan& region) {
  std::vector<ByteSpan> inside;
  for (const ByteSpan& span : spans) {
    const ByteSpan both = {std::max(span.begin, region.begin),
                           std::min(span.end, region.end)};
    if (both.begin < both.end) inside.push_back(both);
  }
  return inside;
}

// Exactly the assistant's messages: what the marks mean, no region needed.
bool SelectsTheAssistant(const Conversation& conversation,
                         const std::vector<bool>& selected) {
  for (size_t i = 0; i < selected.size(); ++i) {
    if (selected[i] != (conversation.roles[i] == kAssistant)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<LearnedText> ChatRenderer::Render(
    const Conversation& conversation, const std::vector<bool>& selected) const {
  ASSIGN_OR_RETURN(RenderedChat all,
                   RenderFirst(conversation, selected.size(), false));
  LearnedText result{std::move(all.text), {}};
  const bool marked = template_->marks_generation();
  if (marked && SelectsTheAssistant(conversation, selected)) {
    result.learned = std::move(all.generated);
    return result;
  }
  for (size_t i = 0; i < selected.size(); ++i) {
    if (!selected[i]) continue;
    ASSIGN_OR_RETURN(const ByteSpan region,
                     RegionOf(conversation, i, result.text));
    std::vector<ByteSpan> learned = {region};
    if (marked && conversation.roles[i] == kAssistant) {
      learned = Intersect(all.generated, region);
    }
    result.learned.insert(result.learned.end(), learned.begin(), learned.end());
  }
  return result;
}

absl::StatusOr<RenderedChat> ChatRenderer::RenderFirst(
    const Conversation& conversation, size_t messages,
    bool add_generation_prompt) const {
  nlohmann::ordered_json context = conversation.template_arguments;
  for (const auto& [name, token] : special_tokens_) context[name] = token;
  context["messages"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < messages; ++i) {
    context["messages"].push_back(conversation.messages[i]);
  }
  context["tools"] = conversation.tools;
  context["documents"] = nullptr;
  context["add_generation_prompt"] = add_generation_prompt;
  absl::StatusOr<RenderedChat> rendered =
      template_->Render(context.dump(), now_);
  if (!rendered.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chat template fails: ", rendered.status().message()));
  }
  return rendered;
}

absl::StatusOr<ByteSpan> ChatRenderer::RegionOf(
    const Conversation& conversation, size_t message,
    const std::string& text) const {
  const bool answer = conversation.roles[message] == kAssistant;
  ByteSpan region{0, static_cast<int64_t>(text.size())};
  if (message > 0 || answer) {
    ASSIGN_OR_RETURN(region.begin,
                     PrefixLength(conversation, message, answer, text));
  }
  if (message + 1 < conversation.roles.size()) {
    ASSIGN_OR_RETURN(region.end,
                     PrefixLength(conversation, message + 1, false, text));
  }
  return region;
}

absl::StatusOr<int64_t> ChatRenderer::PrefixLength(
    const Conversation& conversation, size_t messages,
    bool add_generation_prompt, const std::string& text) const {
  ASSIGN_OR_RETURN(const RenderedChat prefix,
                   RenderFirst(conversation, messages, add_generation_prompt));
  if (!absl::StartsWith(text, prefix.text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the chat template renders the first ", messages,
        " messages otherwise than the whole conversation begins, so their "
        "place in it is not known; use a template that marks answers with "
        "{% generation %}"));
  }
  return static_cast<int64_t>(prefix.text.size());
}

}  // namespace lockstep
