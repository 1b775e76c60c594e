#include "proto/contract/version.h"

namespace lockstep {

absl::string_view BuildRevision() { return LOCKSTEP_REVISION; }

}  // namespace lockstep
