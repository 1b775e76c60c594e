#include "worker/text/text_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace lockstep {

absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         int64_t max_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  }
  if (!std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a regular file"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  if (size > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": is ", size, " bytes long; at most ", max_bytes, " are read"));
  }
  std::string content(static_cast<size_t>(size), '\0');
  file.read(content.data(), size);
  if (file.gcount() != size) {
    return absl::DataLossError(absl::StrCat(path, ": cannot be read whole"));
  }
  return content;
}

absl::Status WriteTextFile(const std::string& path, absl::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) {
    return absl::InternalError(
        absl::StrCat(path, ": cannot be written: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace lockstep
