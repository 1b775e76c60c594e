#include "worker/text/chat_template.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "worker/text/shim_values.h"

namespace lockstep {

void ChatTemplate::Free::operator()(lockstep_template* handle) const {
  lockstep_template_free(handle);
}

absl::StatusOr<ChatTemplate> ChatTemplate::Compile(absl::string_view source,
                                                   uint64_t fuel) {
  if (static_cast<int64_t>(source.size()) > kMaxSourceBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chat template is ", source.size(),
                     " bytes long; at most ", kMaxSourceBytes, " are allowed"));
  }
  lockstep_template* handle = nullptr;
  bool marks_generation = false;
  lockstep_text error;
  if (!lockstep_template_compile(ToView(source), fuel, &handle,
                                 &marks_generation, &error)) {
    return TakeError(error);
  }
  return ChatTemplate(Handle(handle), marks_generation);
}

absl::StatusOr<RenderedChat> ChatTemplate::Render(absl::string_view context,
                                                  absl::Time now) const {
  lockstep_rendered rendered;
  lockstep_text error;
  if (!lockstep_template_render(handle_.get(), ToView(context),
                                absl::ToUnixSeconds(now), &rendered, &error)) {
    return TakeError(error);
  }
  const absl::Cleanup free = [&] { lockstep_rendered_free(rendered); };
  if (static_cast<int64_t>(rendered.text.size) > kMaxRenderedBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chat template made ", rendered.text.size,
                     " bytes; at most ", kMaxRenderedBytes, " are allowed"));
  }
  return RenderedChat{std::string(rendered.text.data, rendered.text.size),
                      ToSpans(rendered.generated, rendered.generated_size)};
}

}  // namespace lockstep
