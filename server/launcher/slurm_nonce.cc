#include "server/launcher/slurm_nonce.h"

#include <sys/random.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/check.h"
#include "proto/contract/printable.h"
#include "proto/contract/status_macros.h"
#include "server/launcher/process_folder.h"

namespace lockstep {
namespace {

constexpr size_t kNonceDigits = 8;

std::string NewNonce() {
  std::string bytes(kNonceDigits / 2, '\0');
  LOCKSTEP_CHECK(getrandom(bytes.data(), bytes.size(), 0) ==
                 static_cast<ssize_t>(bytes.size()));
  return absl::BytesToHexString(bytes);
}

}  // namespace

absl::StatusOr<std::string> SlurmNonce(const std::string& state_dir) {
  const std::string path = absl::StrCat(state_dir, "/slurm.nonce");
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::string nonce = NewNonce();
    RETURN_IF_ERROR(WriteProcessFile(path, nonce + "\n", 0640));
    return nonce;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::string nonce(absl::StripAsciiWhitespace(text));
  if (nonce.size() != kNonceDigits ||
      !std::all_of(nonce.begin(), nonce.end(), absl::ascii_isxdigit)) {
    return absl::DataLossError(absl::StrCat(
        path, " holds \"", Printable(nonce.substr(0, 40)), "\", not ",
        kNonceDigits,
        " hexadecimal digits; without it Slurm jobs of this state folder are "
        "not known from others"));
  }
  return nonce;
}

}  // namespace lockstep
