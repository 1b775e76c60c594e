#include "server/service/user_directory.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/printable.h"
#include "proto/contract/secret_file.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/user_name.h"
#include "server/server_log.h"

namespace lockstep {
namespace {

absl::Status Unauthenticated(absl::string_view reason,
                             absl::string_view message) {
  return errors::Error(absl::StatusCode::kUnauthenticated, reason, message);
}

std::string InWords(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<std::unique_ptr<UserDirectory>> UserDirectory::Open(
    const std::string& path) {
  std::unique_ptr<UserDirectory> users(new UserDirectory(path));
  absl::MutexLock lock(&users->mu_);
  if (!path.empty()) RETURN_IF_ERROR(users->Read());
  return users;
}

UserDirectory::Stamp UserDirectory::StampOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size,
          info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec};
}

absl::Status UserDirectory::Read() {
  // Before its content: what changes meanwhile is seen the next time.
  stamp_ = StampOf(path_);
  const absl::StatusOr<std::string> text = ReadSecretFile(path_);
  if (!text.ok()) {
    return absl::Status(
        text.status().code(),
        absl::StrCat("--tokens \"", path_, "\": ", text.status().message()));
  }
  absl::StatusOr<std::vector<UserEntry>> entries = ParseTokenFile(*text);
  if (!entries.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--tokens \"", path_, "\": ", entries.status().message()));
  }
  entries_ = *std::move(entries);
  return absl::OkStatus();
}

void UserDirectory::ReadIfChanged() {
  if (path_.empty() || StampOf(path_) == stamp_) return;
  if (const absl::Status status = Read(); status.ok()) {
    Log({.severity = LogSeverity::kInfo,
         .source = "access",
         .message = absl::StrCat(path_, " was read again: ", entries_.size(),
                                 " lines"),
         .fields = {}});
  } else {
    Log({.severity = LogSeverity::kError,
         .source = "access",
         .message =
             absl::StrCat(status.message(), "; what it said before holds on"),
         .fields = {}});
  }
}

absl::StatusOr<Principal> UserDirectory::FindToken(absl::string_view token,
                                                   absl::Time now) {
  const std::string digest = TokenDigest(token);
  absl::MutexLock lock(&mu_);
  ReadIfChanged();
  const UserEntry* found = nullptr;
  // All of them, and all bytes of each: how long it takes tells nothing.
  for (const UserEntry& entry : entries_) {
    if (SameDigest(entry.digest, digest)) found = &entry;
  }
  if (found == nullptr) return errors::TokenInvalid();
  if (found->revoked) {
    return Unauthenticated(
        "TOKEN_REVOKED",
        absl::StrCat("this token of ", found->name, " was revoked"));
  }
  if (now >= found->expires) {
    return Unauthenticated(
        "TOKEN_EXPIRED", absl::StrCat("this token of ", found->name,
                                      " expired at ", InWords(found->expires)));
  }
  return Principal{found->name, found->role, std::nullopt};
}

absl::StatusOr<Principal> UserDirectory::FindCertificate(
    absl::string_view name) {
  if (!IsValidUserName(name)) {
    return Unauthenticated(
        "CERTIFICATE_NAME_INVALID",
        absl::StrCat("the certificate names \"", Printable(name, 80),
                     "\", which is no name of a user: ", kUserNameRule));
  }
  absl::MutexLock lock(&mu_);
  ReadIfChanged();
  for (const UserEntry& entry : entries_) {
    if (!entry.digest.empty() || entry.name != name) continue;
    if (!entry.revoked) return Principal{entry.name, entry.role, std::nullopt};
    return Unauthenticated(
        "CERTIFICATE_REVOKED",
        absl::StrCat("the certificate of ", name, " was revoked"));
  }
  return Principal{std::string(name), Role::kUser, std::nullopt};
}

}  // namespace lockstep
