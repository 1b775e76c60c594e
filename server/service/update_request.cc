#include "server/service/update_request.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/errors.h"
#include "proto/contract/queue.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"

namespace lockstep {

absl::StatusOr<Scheduler::UpdateJob> ResolveUpdateRequest(
    const v1::UpdateJobRequest& request) {
  const v1::Job& job = request.job();
  RETURN_IF_ERROR(JobIdFromName(job.name()).status());
  Scheduler::UpdateJob update{
      .name = job.name(),
      .etag = job.etag(),
      .replace_all = request.update_mask().paths().empty(),
      .keys = {},
      .labels = {job.labels().begin(), job.labels().end()},
      .priority = std::nullopt,
      .queue = std::nullopt};
  for (const std::string& path : request.update_mask().paths()) {
    absl::string_view key = path;
    if (path == "labels") {
      update.replace_all = true;
    } else if (absl::ConsumePrefix(&key, "labels.") && !key.empty()) {
      update.keys.push_back(std::string(key));
    } else if (path == "priority") {
      update.priority = job.priority();
    } else if (path == "queue") {
      update.queue = job.queue();
    } else {
      return errors::Error(absl::StatusCode::kInvalidArgument,
                           "INVALID_UPDATE_MASK",
                           absl::StrCat("update_mask: \"", path,
                                        "\" cannot be changed; labels, "
                                        "labels.KEY, priority and queue can"));
    }
  }
  return update;
}

absl::StatusOr<Scheduler::QueueUpdate> ResolveUpdateRequest(
    const v1::UpdateQueueRequest& request) {
  Scheduler::QueueUpdate update{.queue = request.queue()};
  for (const std::string& path : request.update_mask().paths()) {
    bool* wanted = path == "gpu_quota"   ? &update.gpu_quota
                   : path == "cpu_quota" ? &update.cpu_quota
                   : path == "weight"    ? &update.weight
                                         : nullptr;
    if (wanted == nullptr) {
      return errors::Error(absl::StatusCode::kInvalidArgument,
                           "INVALID_UPDATE_MASK",
                           absl::StrCat("update_mask: \"", path,
                                        "\" cannot be changed; gpu_quota, "
                                        "cpu_quota and weight can"));
    }
    *wanted = true;
  }
  if (request.update_mask().paths().empty()) {
    return errors::Error(absl::StatusCode::kInvalidArgument,
                         "INVALID_UPDATE_MASK",
                         "update_mask: names nothing; gpu_quota, cpu_quota and "
                         "weight can be changed");
  }
  const std::vector<FieldViolation> bad = CheckQueue(request.queue());
  if (!bad.empty()) return errors::InvalidQueue(bad);
  return update;
}

absl::StatusOr<CheckpointRef> ResolveUpdateRequest(
    const v1::UpdateCheckpointRequest& request) {
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "pinned") continue;
    return errors::Error(absl::StatusCode::kInvalidArgument,
                         "INVALID_UPDATE_MASK",
                         absl::StrCat("update_mask: \"", path,
                                      "\" cannot be changed; pinned can"));
  }
  return ParseCheckpointName(request.checkpoint().name());
}

}  // namespace lockstep
