#ifndef LOCKSTEP_WORKER_TEXT_CHAT_TEMPLATE_H_
#define LOCKSTEP_WORKER_TEXT_CHAT_TEMPLATE_H_

// A Jinja chat template, rendered as Transformers renders it: trim_blocks and
// lstrip_blocks, json.dumps for tojson, raise_exception, strftime_now, and
// {% generation %} blocks, whose place in the text is reported.
//
// A template is a program from outside. Its source, the instructions it may
// execute and the text it may make are bounded. The engine does not count what
// lists weigh (l + l, doubled 64 times), so that the process that renders wants
// limits of its own on memory and processor time.
//
// Immutable after compiling; several threads may render.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/text/tokenizer.h"

struct lockstep_template;

namespace lockstep {

struct RenderedChat {
  std::string text;
  // Bytes that {% generation %} blocks made, in order; empty blocks left out.
  std::vector<ByteSpan> generated;
};

class ChatTemplate {
 public:
  static constexpr int64_t kMaxSourceBytes = 64 << 10;
  static constexpr int64_t kMaxRenderedBytes = 8 << 20;
  // Instructions of one rendering; what the context's size asks for comes on
  // top.
  static constexpr uint64_t kFuel = 100'000;

  // INVALID_ARGUMENT with the line: not Jinja, or longer than kMaxSourceBytes.
  static absl::StatusOr<ChatTemplate> Compile(absl::string_view source,
                                              uint64_t fuel = kFuel);

  // `context` is a JSON object: messages, tools, documents,
  // add_generation_prompt and the special tokens. Transformers passes tools
  // and documents as null when there are none, and templates can tell.
  // `now` is what strftime_now shows, in UTC. INVALID_ARGUMENT with the line:
  // the template raised, failed, or went over a bound.
  absl::StatusOr<RenderedChat> Render(absl::string_view context,
                                      absl::Time now) const;

  // Whether the source has a {% generation %} block.
  bool marks_generation() const { return marks_generation_; }

 private:
  struct Free {
    void operator()(lockstep_template* handle) const;
  };
  using Handle = std::unique_ptr<lockstep_template, Free>;
  ChatTemplate(Handle handle, bool marks_generation)
      : handle_(std::move(handle)), marks_generation_(marks_generation) {}

  Handle handle_;
  bool marks_generation_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TEXT_CHAT_TEMPLATE_H_
