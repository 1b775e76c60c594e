#ifndef LOCKSTEP_SERVER_STORE_ETAG_H_
#define LOCKSTEP_SERVER_STORE_ETAG_H_

// Job.etag of a row: by its version, and by its uid because a name may be used
// again.

#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/record.pb.h"

namespace lockstep {

inline std::string EtagOf(const server::JobRecord& record) {
  return absl::StrCat(record.version(), "-", record.job().uid().substr(0, 8));
}

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_ETAG_H_
