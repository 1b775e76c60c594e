#include "worker/supervise/exit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

absl::Status ErrnoStatus(absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", path));
}

absl::Status WriteAndSync(int fd, absl::string_view text,
                          const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("write", path);
    text.remove_prefix(written);
  }
  if (fsync(fd) != 0) return ErrnoStatus("fsync", path);
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("open", path);
  const bool synced = fsync(fd) == 0;
  absl::Status status = synced ? absl::OkStatus() : ErrnoStatus("fsync", path);
  close(fd);
  return status;
}

}  // namespace

std::string ExitFileText(const std::vector<worker::v1::RankProcess>& ranks) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const worker::v1::RankProcess& rank : ranks) {
    list.push_back({{"rank", rank.rank()},
                    {"pid", rank.pid()},
                    {"exit_code", rank.exit_code()},
                    {"signal", rank.signal()},
                    {"asked_to_stop", rank.asked_to_stop()},
                    {"out_of_memory", rank.out_of_memory()}});
  }
  nlohmann::ordered_json file = {{"ranks", list}, {"ended", true}};
  return file.dump() + "\n";
}

absl::Status WriteExitFile(const std::string& attempt_dir,
                           const std::string& name,
                           const std::vector<worker::v1::RankProcess>& ranks) {
  const std::string path = attempt_dir + "/" + name;
  const std::string temporary = path + ".tmp";
  const int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return ErrnoStatus("open", temporary);
  absl::Status status = WriteAndSync(fd, ExitFileText(ranks), temporary);
  if (close(fd) != 0 && status.ok()) status = ErrnoStatus("close", temporary);
  RETURN_IF_ERROR(status);
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus("rename", temporary);
  }
  return SyncFolder(attempt_dir);
}

}  // namespace lockstep
