#include "worker/prepare/prepare.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/job_spec.h"
#include "proto/contract/status_macros.h"
#include "worker/data/token_cache.h"
#include "worker/io/input_files.h"
#include "worker/prepare/cache_folder.h"
#include "worker/prepare/cache_key.h"
#include "worker/prepare/field.h"
#include "worker/prepare/fill_cache.h"
#include "worker/prepare/model_input.h"
#include "worker/prepare/output_folder.h"
#include "worker/prepare/step_plan.h"
#include "worker/prepare/text_input.h"
#include "worker/prepare/token_cache_files.h"

namespace lockstep {
namespace {

// Finds or makes the token cache; the plan says what is in it.
absl::StatusOr<v1::Plan> PlanTokens(const PrepareOptions& options,
                                    const ModelConfig& config) {
  const v1::JobSpec& spec = options.spec;
  options.at(absl::StrCat("model.path: ", spec.model().path(),
                          ": tokenizer or chat template"));
  ASSIGN_OR_RETURN(const TextInput text,
                   LoadTextInput(spec, config, options.now));
  ASSIGN_OR_RETURN(const std::string key, CacheKey(spec, config, text));
  absl::StatusOr<v1::Plan> counts;
  const auto whole = [&](const std::string& path) {
    counts = ReadTokenCacheCounts(path, key);
    return counts.ok();
  };
  ASSIGN_OR_RETURN(CacheFolder folder,
                   CacheFolder::Open(options.cache_dir, key, whole));
  if (!folder.found()) {
    RETURN_IF_ERROR(FillCache(spec, config, text, key, folder, options.at));
    counts = ReadTokenCacheCounts(folder.path(), key);
  }
  RETURN_IF_ERROR(counts.status());
  counts->set_token_cache(folder.path());
  return counts;
}

// What the run starts from, as it is now.
absl::StatusOr<InputFiles> Inputs(const PrepareOptions& options) {
  const v1::ModelSpec& model = options.spec.model();
  absl::StatusOr<InputFiles> inputs = DigestInputs(
      model.path(), model.adapter(), [&options](const std::string& path) {
        options.at(absl::StrCat("model: ", path));
      });
  if (!inputs.ok()) return InField("model", inputs.status());
  return inputs;
}

}  // namespace

absl::StatusOr<v1::Plan> MakePlan(const PrepareOptions& options) {
  const v1::JobSpec& spec = options.spec;
  RETURN_IF_ERROR(ViolationsToStatus(ValidateJobSpec(spec)));
  options.at(absl::StrCat("model.path: ", spec.model().path()));
  RETURN_IF_ERROR(CheckModel(spec).status());
  ASSIGN_OR_RETURN(OutputFolder output,
                   OutputFolder::Make(spec.output_dir(), options.owner));
  ASSIGN_OR_RETURN(InputFiles inputs, Inputs(options));
  // Again, and only now for good: what is checked after it was hashed cannot
  // become something else without the attempt's noticing.
  ASSIGN_OR_RETURN(const ModelInput model, CheckModel(spec));
  ASSIGN_OR_RETURN(v1::Plan plan, PlanTokens(options, model.config));
  ASSIGN_OR_RETURN(const TokenCache train,
                   TokenCache::Open(plan.token_cache(), "train"));
  RETURN_IF_ERROR(PlanSteps(spec, train, &plan));
  plan.set_parameters(model.parameters);
  plan.set_trainable_parameters(model.trainable_parameters);
  *plan.mutable_warnings() = {model.warnings.begin(), model.warnings.end()};
  *plan.mutable_inputs() = {inputs.begin(), inputs.end()};
  output.Keep();
  return plan;
}

}  // namespace lockstep
