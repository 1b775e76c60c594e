#include "worker/train/run_inputs.h"

#include "proto/contract/status_macros.h"
#include "worker/io/checksums.h"
#include "worker/train/rank_end.h"

namespace lockstep {
namespace {

absl::StatusOr<InputFiles> SameInputs(const v1::JobSpec& spec,
                                      const v1::Plan& plan) {
  ASSIGN_OR_RETURN(InputFiles now,
                   DigestInputs(spec.model().path(), spec.model().adapter()));
  if (plan.inputs_size() > 0) {
    RETURN_IF_ERROR(
        CheckSameInputs({plan.inputs().begin(), plan.inputs().end()}, now));
  }
  return now;
}

absl::StatusOr<RunInputs> Check(const v1::JobSpec& spec, const v1::Plan& plan) {
  RunInputs inputs;
  ASSIGN_OR_RETURN(inputs.files, SameInputs(spec, plan));
  ASSIGN_OR_RETURN(inputs.side_files,
                   ReadSideFiles(spec.model().path(), inputs.files));
  return inputs;
}

}  // namespace

absl::StatusOr<RunInputs> CheckRunInputs(const v1::JobSpec& spec,
                                         const v1::Plan& plan) {
  absl::StatusOr<RunInputs> inputs = Check(spec, plan);
  if (inputs.ok()) return inputs;
  return WithCause(v1::Attempt::INPUT_CHANGED, inputs.status());
}

absl::Status CheckCacheIsWhole(const std::string& dir) {
  const absl::Status whole = CheckChecksums(dir);
  if (absl::IsNotFound(whole)) return absl::OkStatus();
  return WithCause(v1::Attempt::INPUT_CHANGED, whole);
}

absl::Status ExplainLoadFailure(const absl::Status& failure,
                                const v1::JobSpec& spec, const v1::Plan& plan) {
  if (plan.inputs_size() == 0) return failure;
  const absl::Status same = SameInputs(spec, plan).status();
  return same.ok() ? failure : WithCause(v1::Attempt::INPUT_CHANGED, same);
}

}  // namespace lockstep
