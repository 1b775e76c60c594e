#include "proto/contract/worker_version.h"

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/errors.h"
#include "proto/contract/printable.h"

namespace lockstep {
namespace {

struct Release {
  int major = 0;
  int minor = 0;
  int patch = 0;

  friend auto operator<=>(const Release&, const Release&) = default;
};

// Of "0.1.0 (revision)".
std::optional<Release> Parse(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  const std::vector<absl::string_view> parts = absl::StrSplit(words[0], '.');
  Release release;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &release.major) ||
      !absl::SimpleAtoi(parts[1], &release.minor) ||
      !absl::SimpleAtoi(parts[2], &release.patch)) {
    return std::nullopt;
  }
  return release;
}

bool Fits(const Release& worker, const Release& coordinator) {
  return worker <= coordinator && worker.major == coordinator.major &&
         worker.minor >= coordinator.minor - 1;
}

}  // namespace

absl::Status CheckWorkerVersion(absl::string_view worker,
                                absl::string_view coordinator) {
  const std::optional<Release> theirs = Parse(worker);
  const std::optional<Release> ours = Parse(coordinator);
  if (theirs.has_value() && ours.has_value() && Fits(*theirs, *ours)) {
    return absl::OkStatus();
  }
  const std::string name = Printable(worker, 100);
  return errors::Error(
      absl::StatusCode::kFailedPrecondition, "VERSION_MISMATCH",
      absl::StrCat("lockstep-worker is ", name, ", lockstepd is ", coordinator,
                   "; a worker may be of the same release or of the one "
                   "before: install both from one release and restart "
                   "lockstepd, jobs go on meanwhile"),
      {{"worker", name}, {"coordinator", std::string(coordinator)}});
}

}  // namespace lockstep
