#ifndef LOCKSTEP_WORKER_DATA_CHAT_H_
#define LOCKSTEP_WORKER_DATA_CHAT_H_

// Renders a conversation and finds which bytes of the text are to be learned:
// inside the template's {% generation %} blocks when it has them, otherwise by
// prefix: what a turn adds to the turns before it, rendered with the prompt
// for an answer (so the turn's end mark is learned, its header is not).
//
// All functions are pure; several threads may share a ChatRenderer.

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "worker/data/chat_messages.h"
#include "worker/text/chat_template.h"

namespace lockstep {

struct LearnedText {
  std::string text;
  // In order, disjoint.
  std::vector<ByteSpan> learned;
};

class ChatRenderer {
 public:
  // `chat_template` is borrowed. `now` is what strftime_now shows.
  ChatRenderer(const ChatTemplate* chat_template,
               std::map<std::string, std::string> special_tokens,
               absl::Time now)
      : template_(chat_template),
        special_tokens_(std::move(special_tokens)),
        now_(now) {}

  // The whole conversation; learned: what `selected` says of each message. Of
  // a message by the assistant that is what the template marks, if it marks
  // any. INVALID_ARGUMENT: the template failed, or has no marks and renders
  // the turns before a message otherwise than the conversation begins.
  absl::StatusOr<LearnedText> Render(const Conversation& conversation,
                                     const std::vector<bool>& selected) const;

 private:
  absl::StatusOr<RenderedChat> RenderFirst(const Conversation& conversation,
                                           size_t messages,
                                           bool add_generation_prompt) const;
  absl::StatusOr<ByteSpan> RegionOf(const Conversation& conversation,
                                    size_t message,
                                    const std::string& text) const;
  absl::StatusOr<int64_t> PrefixLength(const Conversation& conversation,
                                       size_t messages,
                                       bool add_generation_prompt,
                                       const std::string& text) const;

  const ChatTemplate* template_;
  std::map<std::string, std::string> special_tokens_;
  absl::Time now_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_CHAT_H_
