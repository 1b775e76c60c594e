#include "server/launcher/process_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "proto/contract/status_macros.h"
#include "server/launcher/worker_command.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

absl::Status IoError(absl::string_view what, const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

absl::StatusOr<std::string> SpecText(const v1::JobSpec& spec) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(spec, &text, options);
  if (!status.ok()) return absl::InternalError(status.ToString());
  return text;
}

// Of one file; nothing of one that is not whole.
absl::StatusOr<std::vector<worker::v1::RankProcess>> ReadExits(
    const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("there is no ", path));
  std::ostringstream text;
  text << file.rdbuf();
  // The fields are those of the message that tells the same.
  worker::v1::AttachRequest report;
  const auto status =
      google::protobuf::util::JsonStringToMessage(text.str(), &report);
  if (!status.ok() || !report.ended()) {
    return absl::DataLossError(absl::StrCat(
        path, " is not an exit file: ",
        status.ok() ? "it does not say \"ended\"" : status.ToString()));
  }
  std::vector<worker::v1::RankProcess> ranks(report.ranks().begin(),
                                             report.ranks().end());
  for (worker::v1::RankProcess& rank : ranks) rank.set_exited(true);
  return ranks;
}

}  // namespace

absl::Status WriteProcessFile(const std::string& path, absl::string_view text,
                              mode_t mode) {
  // A new file each time: nobody who has the old one open reads the new token.
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return IoError("replace", path);
  }
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return IoError("create", path);
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return IoError("write", path);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteProcessFolder(const std::string& folder,
                                const LaunchRequest& request) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("create ", folder));
  }
  RETURN_IF_ERROR(WriteProcessFile(absl::StrCat(folder, "/", kTokenFile),
                                   absl::StrCat(request.token, "\n"), 0600));
  if (request.attempt.attempt != 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string spec, SpecText(request.spec));
  return WriteProcessFile(absl::StrCat(folder, "/", kSpecFile), spec, 0640);
}

absl::Status RemoveJobFolder(const std::string& folder) {
  // A uid that was damaged must not make it the folder of all jobs.
  const std::string uid = fs::path(folder).filename().string();
  if (uid.empty() ||
      !std::all_of(uid.begin(), uid.end(), absl::ascii_isalnum)) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, " is not the folder of a job"));
  }
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("remove ", folder));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<worker::v1::RankProcess>> ReadExitFile(
    const std::string& folder) {
  return ReadExits(absl::StrCat(folder, "/", kExitFile));
}

std::vector<worker::v1::RankProcess> ReadExitFiles(const std::string& folder) {
  std::vector<worker::v1::RankProcess> all;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, "exit-") || !absl::EndsWith(name, ".json")) {
      continue;
    }
    const auto ranks = ReadExits(entry.path().string());
    if (ranks.ok()) all.insert(all.end(), ranks->begin(), ranks->end());
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.rank() < b.rank(); });
  return all;
}

}  // namespace lockstep
