#include "server/service/create_request.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_spec.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/scheduler/device_pool.h"

namespace lockstep {
namespace {

// Room for a UUID.
constexpr size_t kLongestRequestId = 36;

absl::Status CheckIds(const v1::CreateJobRequest& request) {
  if (request.request_id().size() > kLongestRequestId) {
    return errors::Error(
        absl::StatusCode::kInvalidArgument, "INVALID_REQUEST_ID",
        absl::StrCat("request_id: has ", request.request_id().size(),
                     " characters; at most ", kLongestRequestId,
                     " are allowed"));
  }
  if (!request.job_id().empty() && !IsValidJobId(request.job_id())) {
    return errors::Error(
        absl::StatusCode::kInvalidArgument, "INVALID_JOB_ID",
        absl::StrCat("job_id: \"", request.job_id(),
                     "\" is no id: 1 to 63 lower-case letters, digits and "
                     "hyphens, beginning with a letter and ending with a "
                     "letter or digit"));
  }
  return absl::OkStatus();
}

// The same for the same request, whatever the order of its maps in memory.
std::string DigestOf(const v1::CreateJobRequest& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  return TokenDigest(bytes);
}

void DecideDevice(const std::vector<v1::Node>& nodes, v1::JobSpec& spec) {
  v1::ResourceSpec& resources = *spec.mutable_resources();
  if (resources.device() != v1::ResourceSpec::DEVICE_AUTO) return;
  const DeviceDemand demand = DevicePool(nodes).DemandOf(spec);
  resources.set_device(demand.kind == v1::Device::CUDA
                           ? v1::ResourceSpec::DEVICE_CUDA
                           : v1::ResourceSpec::DEVICE_CPU);
}

}  // namespace

absl::StatusOr<Scheduler::CreateJob> ResolveCreateRequest(
    v1::CreateJobRequest request, std::string owner,
    const std::vector<v1::Node>& nodes) {
  RETURN_IF_ERROR(CheckIds(request));
  std::string digest = DigestOf(request);
  Scheduler::CreateJob create{.job_id = request.job_id(),
                              .spec = std::move(*request.mutable_spec()),
                              .request_id = request.request_id(),
                              .request_digest = std::move(digest),
                              .owner = std::move(owner),
                              .origin = std::optional<v1::Checkpoint>()};
  if (!create.job_id.empty()) create.spec.set_name(create.job_id);
  ApplyDefaults(&create.spec);
  DecideDevice(nodes, create.spec);
  RETURN_IF_ERROR(ViolationsToStatus(ValidateJobSpec(create.spec)));
  return create;
}

}  // namespace lockstep
