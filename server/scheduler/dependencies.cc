#include "server/scheduler/dependencies.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/resource_name.h"

namespace lockstep {

absl::StatusOr<std::vector<std::string>> FindDependencies(
    const std::string& job_name, const v1::JobSpec& spec, FindJob find) {
  std::vector<std::string> waits_for;
  std::vector<FieldViolation> violations;
  for (const std::string& id : spec.after()) {
    const std::string name = JobName(id);
    if (name == job_name) {
      violations.push_back(
          {"after", absl::StrCat(name, " cannot come after itself")});
      continue;
    }
    const v1::Job* job = find(name);
    if (job == nullptr) {
      violations.push_back(
          {"after", absl::StrCat(name,
                                 " does not exist; only jobs that were "
                                 "accepted before can be named")});
    } else if (job->state() != v1::Job::SUCCEEDED && IsTerminal(job->state())) {
      violations.push_back(
          {"after", absl::StrCat(name, " is ", StateName(job->state()),
                                 " and will not succeed")});
    } else if (job->state() != v1::Job::SUCCEEDED) {
      waits_for.push_back(name);
    }
  }
  if (!violations.empty()) return errors::InvalidSpec(violations);
  return waits_for;
}

std::string WaitsForInWords(const std::vector<std::string>& names) {
  return absl::StrCat(absl::StrJoin(names, ", "),
                      names.size() == 1 ? " has" : " have",
                      " to succeed first");
}

}  // namespace lockstep
