#include "proto/contract/queue.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/spec_validator.h"

namespace lockstep {
namespace {

constexpr double kHeaviest = 1000;

}  // namespace

std::string QueueOf(const v1::Job& job) {
  return job.queue().empty() ? kDefaultQueue : job.queue();
}

std::string QueueWanted(const v1::JobSpec& spec) {
  const std::string& id = spec.resources().queue();
  return id.empty() ? kDefaultQueue : id;
}

double WeightOf(const v1::Queue& queue) {
  return queue.has_weight() ? queue.weight() : 1;
}

std::vector<FieldViolation> CheckQueue(const v1::Queue& queue) {
  Validator check;
  check.Require(!QueueIdFromName(queue.name()).empty(), "name",
                absl::StrCat("\"", queue.name(),
                             "\" is not of the form queues/{queue}, with an id "
                             "of lower-case letters, digits and hyphens"));
  if (queue.has_gpu_quota()) check.AtLeast("gpu_quota", queue.gpu_quota(), 0);
  if (queue.has_cpu_quota()) check.AtLeast("cpu_quota", queue.cpu_quota(), 0);
  const double weight = WeightOf(queue);
  // Not a number is neither.
  check.Require(
      weight > 0 && weight <= kHeaviest, "weight",
      absl::StrCat(weight, " is not above 0 and at most ", kHeaviest));
  return check.Take();
}

}  // namespace lockstep
