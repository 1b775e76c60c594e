#include "client/cli/job_table.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "client/cli/command_context.h"
#include "client/cli/format.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {

std::vector<std::string> JobListHeaders() {
  return {"NAME", "STATE", "STEP", "LOSS", "ATTEMPT", "AGE"};
}

std::vector<std::string> JobListCells(const v1::Job& job, absl::Time now) {
  return {JobIdOf(job.name()),
          std::string(StateName(job.state())),
          StepText(job),
          LossText(job),
          absl::StrCat(job.attempt()),
          FormatAge(job.create_time(), now)};
}

std::string StepText(const v1::Job& job) {
  const v1::Progress& progress = job.progress();
  const int64_t planned = progress.steps_planned() > 0
                              ? progress.steps_planned()
                              : job.plan().steps();
  return planned > 0 ? absl::StrCat(progress.step(), "/", planned) : "";
}

std::string LossText(const v1::Job& job) {
  return job.progress().step() > 0 ? FormatLoss(job.progress().loss()) : "";
}

}  // namespace lockstep::cli
