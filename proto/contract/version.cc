#include "proto/contract/version.h"

#include "absl/strings/str_cat.h"

namespace lockstep {

absl::string_view BuildRevision() { return LOCKSTEP_REVISION; }

std::string VersionText() {
  return absl::StrCat(kVersion, " (", BuildRevision(), ")");
}

}  // namespace lockstep
