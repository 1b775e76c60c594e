#ifndef LOCKSTEP_WORKER_IO_CHECKSUMS_H_
#define LOCKSTEP_WORKER_IO_CHECKSUMS_H_

// A folder that says itself whether it is whole: SHA256SUMS in it has a line
// for each file, as sha256sum writes them, so `sha256sum -c` checks it too.

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace lockstep {

inline constexpr char kChecksumsFile[] = "SHA256SUMS";

// Of the files `names` of `dir`; on disk when it returns.
absl::Status WriteChecksums(const std::string& dir,
                            const std::vector<std::string>& names);

// DATA_LOSS names the file that is not what was written, or that is missing;
// NOT_FOUND: there is no SHA256SUMS. Files that it does not list are not looked
// at.
absl::Status CheckChecksums(const std::string& dir);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_CHECKSUMS_H_
