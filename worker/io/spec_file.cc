#include "worker/io/spec_file.h"

#include <google/protobuf/util/json_util.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

constexpr int64_t kMaxSpecFileBytes = 1 << 20;

}  // namespace

absl::StatusOr<v1::JobSpec> ReadSpecFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string json,
                   ReadWholeFile(path, kMaxSpecFileBytes));
  v1::JobSpec spec;
  const auto read = google::protobuf::util::JsonStringToMessage(json, &spec);
  if (!read.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": is not a JobSpec: ", std::string(read.message())));
  }
  return spec;
}

}  // namespace lockstep
