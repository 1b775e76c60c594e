#include "proto/contract/resource_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

constexpr size_t kMaxIdLength = 63;

bool IsIdCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
}

}  // namespace

bool IsValidJobId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength &&
         absl::ascii_islower(id.front()) && id.back() != '-' &&
         std::all_of(id.begin(), id.end(), IsIdCharacter);
}

std::string JobName(absl::string_view id) { return absl::StrCat("jobs/", id); }

std::string AttemptName(absl::string_view id, int attempt) {
  return absl::StrCat("jobs/", id, "/attempts/", attempt);
}

std::string CheckpointName(absl::string_view id, int64_t step) {
  return absl::StrCat("jobs/", id, "/checkpoints/", step);
}

std::string QueueName(absl::string_view id) {
  return absl::StrCat("queues/", id);
}

absl::StatusOr<std::string> JobIdFromName(absl::string_view name) {
  absl::string_view id = name;
  if (!absl::ConsumePrefix(&id, "jobs/") || !IsValidJobId(id)) {
    return errors::InvalidName(name);
  }
  return std::string(id);
}

std::string QueueIdFromName(absl::string_view name) {
  absl::string_view id = name;
  const bool good = absl::ConsumePrefix(&id, "queues/") && IsValidJobId(id);
  return good ? std::string(id) : "";
}

absl::StatusOr<CheckpointRef> ParseCheckpointName(absl::string_view name) {
  constexpr absl::string_view kMiddle = "/checkpoints/";
  const size_t middle = name.find(kMiddle);
  CheckpointRef ref;
  if (middle != absl::string_view::npos) {
    const absl::string_view digits = name.substr(middle + kMiddle.size());
    ref.job = std::string(name.substr(0, middle));
    // One spelling a checkpoint.
    if (JobIdFromName(ref.job).ok() && absl::SimpleAtoi(digits, &ref.step) &&
        ref.step > 0 && absl::StrCat(ref.step) == digits) {
      return ref;
    }
  }
  return errors::Error(
      absl::StatusCode::kInvalidArgument, "INVALID_NAME",
      absl::StrCat("name: \"", name,
                   "\" is not of the form jobs/{job}/checkpoints/{step}"));
}

}  // namespace lockstep
