#include "worker/comm/newest_collective.h"

#include "absl/strings/str_cat.h"

namespace lockstep {

void NewestCollective::Enter(absl::string_view operation, size_t bytes) {
  absl::MutexLock lock(&mu_);
  ++entered_;
  operation_ = operation;
  bytes_ = bytes;
}

void NewestCollective::Leave() {
  absl::MutexLock lock(&mu_);
  ++left_;
}

std::optional<worker::v1::Collective> NewestCollective::Get() const {
  absl::MutexLock lock(&mu_);
  if (entered_ == 0) return std::nullopt;
  worker::v1::Collective collective;
  collective.set_sequence(entered_);
  collective.set_operation(
      bytes_ == 0 ? std::string(operation_)
                  : absl::StrCat(operation_, " of ", bytes_, " bytes"));
  collective.set_pending(left_ < entered_);
  return collective;
}

}  // namespace lockstep
