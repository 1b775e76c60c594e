#include "worker/prepare/step_plan.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"
#include "worker/data/data_loader.h"

namespace lockstep {
namespace {

// A run of more steps than this is a typing error; it also keeps the product
// below in int64.
constexpr double kMostSteps = 1e15;

DataLoaderOptions LoaderOptions(const v1::JobSpec& spec) {
  DataLoaderOptions options;
  options.packing = spec.data().packing();
  options.max_length = spec.data().max_length();
  options.shuffle = spec.data().shuffle();
  options.seed = static_cast<uint64_t>(spec.data().shuffle_seed());
  options.per_device_batch = spec.train().per_device_train_batch_size();
  options.accumulation = spec.train().gradient_accumulation_steps();
  options.world_size = spec.resources().ranks();
  return options;
}

}  // namespace

absl::Status PlanSteps(const v1::JobSpec& spec, const TokenCache& train,
                       v1::Plan* plan) {
  ASSIGN_OR_RETURN(const DataLoader loader,
                   DataLoader::Create(&train, LoaderOptions(spec)));
  plan->set_bins_per_epoch(loader.bins_per_epoch());
  plan->set_steps_per_epoch(loader.steps_per_epoch());
  const double epochs = spec.train().num_train_epochs();
  const double steps =
      std::ceil(epochs * static_cast<double>(loader.steps_per_epoch()));
  if (spec.train().max_steps() > 0) {
    plan->set_steps(spec.train().max_steps());
  } else if (steps <= kMostSteps) {
    plan->set_steps(static_cast<int64_t>(steps));
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("train.num_train_epochs: ", epochs, " epochs of ",
                     loader.steps_per_epoch(), " steps are more than ",
                     kMostSteps, " steps, the most there can be"));
  }
  return absl::OkStatus();
}

}  // namespace lockstep
