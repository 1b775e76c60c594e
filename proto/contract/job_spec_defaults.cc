// ApplyDefaults of job_spec.h.

#include "proto/contract/job_spec.h"
#include "proto/contract/queue.h"

namespace lockstep {
namespace {

// Hugging Face's defaults, except where a job on a shared cluster wants others
// (LoRA's learning rate, all linears).
constexpr double kLoraLearningRate = 2e-4;
constexpr double kFullLearningRate = 2e-5;
constexpr int kLoraRank = 16;
constexpr int kMaxLength = 1024;
constexpr int kBatchSize = 8;
constexpr int kSaveSteps = 500;
constexpr int kMaxRestarts = 3;
constexpr int kSeed = 42;

#define LOCKSTEP_DEFAULT(message, field, value) \
  if (!(message).has_##field()) (message).set_##field(value)
#define LOCKSTEP_DEFAULT_ENUM(message, field, value) \
  if ((message).field() == 0) (message).set_##field(value)

void DefaultMethod(v1::MethodSpec& method) {
  LOCKSTEP_DEFAULT_ENUM(method, type, v1::MethodSpec::TYPE_SFT);
  if (!method.has_lora()) return;
  v1::LoraSpec& lora = *method.mutable_lora();
  LOCKSTEP_DEFAULT(lora, r, kLoraRank);
  LOCKSTEP_DEFAULT(lora, alpha, 2.0 * lora.r());
  LOCKSTEP_DEFAULT(lora, dropout, 0.0);
  LOCKSTEP_DEFAULT(lora, use_rslora, false);
  if (lora.target_modules().empty()) lora.add_target_modules("all-linear");
}

void DefaultData(v1::DataSpec& data, int64_t seed) {
  const auto source = [](v1::DataSource& file) {
    LOCKSTEP_DEFAULT_ENUM(file, format, v1::DataSource::FORMAT_AUTO);
    LOCKSTEP_DEFAULT(file, weight, 1.0);
  };
  for (v1::DataSource& file : *data.mutable_train()) source(file);
  if (data.has_eval()) source(*data.mutable_eval());
  LOCKSTEP_DEFAULT(data, max_length, kMaxLength);
  LOCKSTEP_DEFAULT_ENUM(data, packing, v1::DataSpec::PACKING_NONE);
  // train_on stays unset: what it means depends on the shape of the rows.
  LOCKSTEP_DEFAULT_ENUM(data, truncation, v1::DataSpec::TRUNCATION_KEEP_START);
  LOCKSTEP_DEFAULT(data, shuffle, true);
  LOCKSTEP_DEFAULT(data, shuffle_seed, seed);
}

void DefaultTrain(v1::TrainSpec& train, bool lora) {
  LOCKSTEP_DEFAULT(train, num_train_epochs, 3.0);
  LOCKSTEP_DEFAULT(train, max_steps, -1);
  LOCKSTEP_DEFAULT(train, per_device_train_batch_size, kBatchSize);
  LOCKSTEP_DEFAULT(train, per_device_eval_batch_size, kBatchSize);
  LOCKSTEP_DEFAULT(train, learning_rate,
                   lora ? kLoraLearningRate : kFullLearningRate);
  LOCKSTEP_DEFAULT_ENUM(train, lr_scheduler_type,
                        v1::TrainSpec::LR_SCHEDULER_TYPE_LINEAR);
  LOCKSTEP_DEFAULT(train, warmup_steps, 0.0);
  LOCKSTEP_DEFAULT_ENUM(train, optim, v1::TrainSpec::OPTIM_ADAMW_TORCH_FUSED);
  LOCKSTEP_DEFAULT(train, adam_beta1, 0.9);
  LOCKSTEP_DEFAULT(train, adam_beta2, 0.999);
  LOCKSTEP_DEFAULT(train, adam_epsilon, 1e-8);
  LOCKSTEP_DEFAULT(train, weight_decay, 0.0);
  LOCKSTEP_DEFAULT(train, max_grad_norm, 1.0);
  LOCKSTEP_DEFAULT(train, gradient_checkpointing, false);
  if (train.gradient_checkpointing()) {
    LOCKSTEP_DEFAULT_ENUM(train, recompute, v1::TrainSpec::RECOMPUTE_BLOCK);
  }
  LOCKSTEP_DEFAULT(train, full_determinism, true);
  if (train.has_early_stopping_patience()) {
    LOCKSTEP_DEFAULT(train, early_stopping_threshold, 0.0);
  }
}

// gpus: N is shorthand for N ranks on GPUs.
void DefaultResources(v1::ResourceSpec& resources) {
  if (resources.has_gpus()) {
    LOCKSTEP_DEFAULT_ENUM(resources, device, v1::ResourceSpec::DEVICE_CUDA);
    LOCKSTEP_DEFAULT(resources, ranks, resources.gpus());
  }
  LOCKSTEP_DEFAULT_ENUM(resources, device, v1::ResourceSpec::DEVICE_AUTO);
  LOCKSTEP_DEFAULT(resources, ranks, 1);
  LOCKSTEP_DEFAULT_ENUM(resources, priority, v1::ResourceSpec::PRIORITY_NORMAL);
  LOCKSTEP_DEFAULT(resources, preemptible, false);
  if (resources.queue().empty()) resources.set_queue(kDefaultQueue);
}

// The one place where a global batch becomes accumulation; a batch that does
// not divide is left for the validation to refuse.
void DefaultAccumulation(v1::JobSpec& spec) {
  v1::TrainSpec& train = *spec.mutable_train();
  if (train.has_gradient_accumulation_steps()) return;
  if (!train.has_global_batch_size()) {
    train.set_gradient_accumulation_steps(1);
    return;
  }
  const int64_t micro =
      int64_t{train.per_device_train_batch_size()} * spec.resources().ranks();
  if (micro > 0 && train.global_batch_size() > 0 &&
      train.global_batch_size() % micro == 0) {
    train.set_gradient_accumulation_steps(train.global_batch_size() / micro);
  }
}

}  // namespace

void ApplyDefaults(v1::JobSpec* spec) {
  LOCKSTEP_DEFAULT_ENUM(*spec->mutable_model(), dtype,
                        v1::ModelSpec::DTYPE_AUTO);
  LOCKSTEP_DEFAULT(*spec->mutable_train(), seed, kSeed);
  DefaultMethod(*spec->mutable_method());
  DefaultData(*spec->mutable_data(), spec->train().seed());
  DefaultTrain(*spec->mutable_train(), spec->method().has_lora());
  DefaultResources(*spec->mutable_resources());
  DefaultAccumulation(*spec);
  LOCKSTEP_DEFAULT(*spec->mutable_checkpoint(), save_steps, kSaveSteps);
  LOCKSTEP_DEFAULT_ENUM(*spec->mutable_checkpoint(), resume,
                        v1::CheckpointSpec::RESUME_AUTO);
  LOCKSTEP_DEFAULT(*spec->mutable_logging(), logging_steps, 1);
  LOCKSTEP_DEFAULT(*spec->mutable_logging(), eval_steps, 0);
  LOCKSTEP_DEFAULT(*spec->mutable_logging(), tensorboard, true);
  LOCKSTEP_DEFAULT(*spec, max_restarts, kMaxRestarts);
}

}  // namespace lockstep
