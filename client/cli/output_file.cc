#include "client/cli/output_file.h"

#include <cerrno>
#include <cstdio>
#include <fstream>

namespace lockstep::cli {

absl::Status WriteOutputFile(const std::string& path,
                             const std::string& content) {
  const std::string unfinished = path + ".part";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "write " + path);
    std::remove(unfinished.c_str());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace lockstep::cli
