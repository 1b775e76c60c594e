#ifndef LOCKSTEP_WORKER_IO_HUB_SNAPSHOT_H_
#define LOCKSTEP_WORKER_IO_HUB_SNAPSHOT_H_

// A model folder in the Hugging Face cache is called
// .../models--ORG--NAME/snapshots/COMMIT. An adapter of it names the model and
// the commit, which other machines know, and not this machine's folder.

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lockstep {

struct HubSnapshot {
  std::string id;      // "ORG/NAME"
  std::string commit;  // 40 hexadecimal digits.
};

// None when the path has another form. Looks at no file.
std::optional<HubSnapshot> HubSnapshotOf(absl::string_view path);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_HUB_SNAPSHOT_H_
