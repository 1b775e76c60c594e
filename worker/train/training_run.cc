#include "worker/train/training_run.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "kernels/gpu_identity.h"
#include "proto/contract/monotonic_time.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"
#include "worker/io/file.h"
#include "worker/model/memory_needs.h"
#include "worker/optim/adamw.h"
#include "worker/train/gpu_memory.h"
#include "worker/train/memory_choice.h"
#include "worker/train/model_loading.h"
#include "worker/train/rank_end.h"
#include "worker/train/run_board.h"
#include "worker/train/run_result.h"

namespace lockstep {
namespace {

// Neighbours that are treated alike become one range.
std::vector<DecayRange> DecayRanges(const Parameters& parameters) {
  std::vector<DecayRange> ranges;
  for (const Parameter& parameter : parameters.list()) {
    const int64_t end = parameter.offset + parameter.size();
    if (!ranges.empty() && ranges.back().decays == parameter.decays) {
      ranges.back().end = end;
    } else {
      ranges.push_back({parameter.offset, end, parameter.decays});
    }
  }
  return ranges;
}

absl::StatusOr<std::unique_ptr<TokenCache>> OpenCache(const std::string& dir,
                                                      const char* split) {
  absl::StatusOr<TokenCache> cache = TokenCache::Open(dir, split);
  if (!cache.ok()) {
    return WithCause(v1::Attempt::INPUT_CHANGED, cache.status());
  }
  return std::make_unique<TokenCache>(*std::move(cache));
}

absl::StatusOr<std::unique_ptr<DataLoader>> MakeLoader(
    const TokenCache& cache, const DataLoaderOptions& options) {
  absl::StatusOr<DataLoader> loader = DataLoader::Create(&cache, options);
  if (!loader.ok()) {
    return WithCause(v1::Attempt::INPUT_CHANGED, loader.status());
  }
  return std::make_unique<DataLoader>(*std::move(loader));
}

// On a GPU what is free and what this process has taken already, which a plan
// counts too; elsewhere nobody knows. NCCL takes most of its own only with the
// first collective.
std::optional<int64_t> BytesToPlanWith(const Placement& placement) {
  const std::optional<GpuMemory> memory = GpuMemoryOf(placement);
  if (!memory.has_value()) return std::nullopt;
  return memory->free_bytes + kCudaContextBytes;
}

// Of the GPUs of all ranks, which are alike.
std::optional<double> PeakFlopsOfAll(const Placement& placement, int ranks) {
  if (placement.device.is_cpu()) return std::nullopt;
  const absl::StatusOr<GpuIdentity> gpu = IdentifyGpu(placement.device.index());
  if (!gpu.ok()) return std::nullopt;
  const std::optional<double> peak = PeakFlopsOf(gpu->name);
  if (!peak.has_value()) return std::nullopt;
  return *peak * ranks;
}

int64_t CeilingOf(int64_t numerator, int64_t denominator) {
  return (numerator + denominator - 1) / denominator;
}

}  // namespace

TrainingRun::TrainingRun(const TrainingContext& context)
    : context_(context),
      spec_(context.job.spec()),
      spans_(context.placement.device) {}

absl::StatusOr<std::unique_ptr<TrainingRun>> TrainingRun::Build(
    const TrainingContext& context) {
  context.progress.SetPhase(worker::v1::PHASE_LOADING);
  std::unique_ptr<TrainingRun> run(new TrainingRun(context));
  RETURN_IF_ERROR(run->OpenData());
  RETURN_IF_ERROR(run->OpenEvaluation());
  RETURN_IF_ERROR(run->BuildModel());
  run->BuildOptimizer();
  RETURN_IF_ERROR(run->BuildCheckpointLoader());
  return run;
}

absl::Status TrainingRun::OpenData() {
  const v1::Plan& plan = context_.job.plan();
  RETURN_IF_ERROR(CheckCacheIsWhole(plan.token_cache()));
  ASSIGN_OR_RETURN(train_cache_, OpenCache(plan.token_cache(), "train"));
  const v1::DataSpec& data = spec_.data();
  ASSIGN_OR_RETURN(
      train_loader_,
      MakeLoader(
          *train_cache_,
          {.packing = data.packing(),
           .max_length = data.max_length(),
           .shuffle = data.shuffle(),
           .seed = static_cast<uint64_t>(data.shuffle_seed()),
           .per_device_batch = spec_.train().per_device_train_batch_size(),
           .accumulation = spec_.train().gradient_accumulation_steps(),
           .world_size = context_.communicator.world_size(),
           .rank = context_.communicator.rank()}));
  if (train_loader_->steps_per_epoch() == plan.steps_per_epoch()) {
    return absl::OkStatus();
  }
  return WithCause(
      v1::Attempt::INPUT_CHANGED,
      absl::FailedPreconditionError(absl::StrCat(
          "the token cache ", plan.token_cache(), " makes ",
          train_loader_->steps_per_epoch(), " steps an epoch; the plan says ",
          plan.steps_per_epoch())));
}

absl::Status TrainingRun::OpenEvaluation() {
  const v1::Plan& plan = context_.job.plan();
  if (plan.eval_rows() == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(eval_cache_, OpenCache(plan.token_cache(), "eval"));
  ASSIGN_OR_RETURN(eval_loader_,
                   MakeLoader(*eval_cache_,
                              {.packing = spec_.data().packing(),
                               .max_length = spec_.data().max_length(),
                               .shuffle = false,
                               .per_device_batch =
                                   spec_.train().per_device_eval_batch_size(),
                               .world_size = context_.communicator.world_size(),
                               .rank = context_.communicator.rank()}));
  return absl::OkStatus();
}

absl::StatusOr<TransformerOptions> TrainingRun::PlanModel() {
  const absl::StatusOr<ModelShape> shape = ReadModelShape(spec_);
  if (!shape.ok()) {
    return ExplainLoadFailure(shape.status(), spec_, context_.job.plan());
  }
  TransformerOptions options = {
      .max_tokens = train_loader_->max_micro_batch_tokens(),
      .max_document = spec_.data().max_length(),
      .max_documents = MostDocuments(spec_),
      .deterministic = IsDeterministic(spec_),
      .ranks = context_.communicator.world_size()};
  if (eval_loader_ != nullptr) {
    options.max_tokens =
        std::max(options.max_tokens, eval_loader_->max_micro_batch_tokens());
  }
  absl::StatusOr<MemoryChoice> choice =
      ChooseRecompute(spec_,
                      {.config = shape->config,
                       .method = shape->method,
                       .placement = context_.placement,
                       .options = options},
                      BytesToPlanWith(context_.placement));
  if (!choice.ok()) {
    return WithCause(v1::Attempt::GPU_OUT_OF_MEMORY, choice.status());
  }
  memory_plan_ = std::move(choice->plan);
  options.recompute = choice->recompute;
  return options;
}

absl::Status TrainingRun::BuildModel() {
  ASSIGN_OR_RETURN(const TransformerOptions options, PlanModel());
  const absl::Time begin = MonotonicNow();
  absl::StatusOr<std::unique_ptr<ModelWeights>> weights =
      LoadModel(spec_, context_.placement);
  if (!weights.ok()) {
    return ExplainLoadFailure(weights.status(), spec_, context_.job.plan());
  }
  weights_ = *std::move(weights);
  if (context_.lines != nullptr) {
    *context_.lines << absl::StrFormat(
        "weights loaded in %.3f s\n",
        absl::ToDoubleSeconds(MonotonicNow() - begin));
  }
  absl::StatusOr<std::unique_ptr<Transformer>> transformer =
      Transformer::Create(*weights_, options);
  if (!transformer.ok()) {
    return WithCause(v1::Attempt::INVALID_INPUT, transformer.status());
  }
  transformer_ = *std::move(transformer);
  data_parallel_ = std::make_unique<DataParallel>(
      context_.communicator, *weights_->parameters(),
      ReducesOf(weights_->config(), transformer_->input_rows(),
                spec_.train().gradient_accumulation_steps()));
  if (eval_loader_ != nullptr) {
    evaluator_ = std::make_unique<Evaluator>(*eval_loader_, *transformer_,
                                             *data_parallel_);
  }
  return absl::OkStatus();
}

void TrainingRun::BuildOptimizer() {
  const v1::TrainSpec& train = spec_.train();
  const Parameters& parameters = *weights_->parameters();
  const int64_t steps = context_.job.plan().steps();
  optimizer_ = std::make_unique<AdamW>(
      parameters.values(), parameters.gradients(), DecayRanges(parameters),
      AdamWOptions{.beta1 = train.adam_beta1(),
                   .beta2 = train.adam_beta2(),
                   .epsilon = train.adam_epsilon(),
                   .weight_decay = train.weight_decay()});
  schedule_ = std::make_unique<LrSchedule>(train.lr_scheduler_type(),
                                           train.learning_rate(),
                                           train.warmup_steps(), steps);
  log_ = std::make_unique<TrainingLog>(
      TrainingLogOptions{
          .leads = leads(),
          .steps = steps,
          .steps_per_epoch = train_loader_->steps_per_epoch(),
          .logging_steps = spec_.logging().logging_steps(),
          .eval_steps = spec_.logging().eval_steps(),
          .save_steps = spec_.checkpoint().save_steps(),
          .per_device_train_batch_size = train.per_device_train_batch_size(),
          .num_train_epochs =
              CeilingOf(steps, train_loader_->steps_per_epoch()),
          .output_dir = spec_.output_dir(),
          .early_stopping_threshold = train.early_stopping_threshold(),
          .flops = FlopsOf(weights_->config(), weights_->method()),
          .peak_flops = PeakFlopsOfAll(context_.placement,
                                       context_.communicator.world_size())},
      &context_.progress, &spans_);
  if (leads()) log_->SetLines(context_.lines);
}

absl::Status TrainingRun::BuildCheckpointLoader() {
  CheckpointOptions& options = checkpoint_options_;
  options = {
      .output_dir = spec_.output_dir(),
      .attempt = context_.attempt,
      .steps_per_epoch = train_loader_->steps_per_epoch(),
      .longest_flush = context_.longest_flush,
      .resume = spec_.checkpoint().resume() != v1::CheckpointSpec::RESUME_NEVER,
      .save_total_limit = spec_.checkpoint().save_total_limit(),
      .keep_best = spec_.checkpoint().load_best_at_end(),
      .inexact = spec_.checkpoint().inexact()};
  if (context_.job.has_origin()) options.origin = context_.job.origin();
  if (leads()) {
    ASSIGN_OR_RETURN(inputs_, CheckRunInputs(spec_, context_.job.plan()));
    options.identity = Identity();
    if (spec_.method().has_lora()) {
      options.weights_stem = "adapter_model";
      options.files[kAdapterConfigFile] = PeftConfigToJson(
          PeftConfigOf(spec_, weights_->method().lora.target_modules));
    } else {
      options.files["config.json"] = inputs_.side_files["config.json"];
    }
  }
  checkpoint_loader_ =
      std::make_unique<CheckpointLoader>(options, PartsOfCheckpoint());
  return absl::OkStatus();
}

CheckpointParts TrainingRun::PartsOfCheckpoint() const {
  return {.weights = *weights_,
          .optimizer = *optimizer_,
          .data_parallel = *data_parallel_,
          .coordinator = context_.coordinator,
          .progress = context_.progress,
          .lines = context_.lines};
}

RunIdentity TrainingRun::Identity() const {
  const v1::TrainSpec& train = spec_.train();
  return RunIdentity{
      .world_size = context_.communicator.world_size(),
      .per_device_train_batch_size = train.per_device_train_batch_size(),
      .gradient_accumulation_steps = train.gradient_accumulation_steps(),
      .threads = at::get_num_threads(),
      .device = context_.placement.device.is_cuda() ? "cuda" : "cpu",
      .dtype =
          context_.placement.compute == at::kBFloat16 ? "bfloat16" : "float32",
      .method = spec_.method().has_lora() ? "lora" : "full",
      .optimizer = "adamw",
      .seed = static_cast<uint64_t>(train.seed()),
      .shuffle_seed = static_cast<uint64_t>(spec_.data().shuffle_seed()),
      .build_id = absl::StrCat(kVersion, " ", BuildRevision()),
      .libtorch_version = TORCH_VERSION,
      .base_model_digest = DigestOfModel(inputs_.files, spec_.model().path()),
      .dataset_digest = train_cache_->digest()};
}

absl::Status TrainingRun::Restore() {
  ASSIGN_OR_RETURN(
      const RestoredRun restored,
      checkpoint_loader_->Restore({context_.job.checkpoints().begin(),
                                   context_.job.checkpoints().end()},
                                  log_.get()));
  checkpoint_saver_ = std::make_unique<CheckpointSaver>(
      checkpoint_options_, PartsOfCheckpoint(), restored.kept);
  resumed_step_ = restored.step;
  if (restored.origin.has_value()) {
    RETURN_IF_ERROR(GoOnFrom(*restored.origin));
  }
  context_.progress.SetStep(resumed_step_);
  return WithCause(v1::Attempt::STORAGE_FULL, BeginTensorBoard());
}

// The order of the bins does not depend on the ranks, so how many of an epoch
// were seen says which come next, whatever a step was there and is here.
absl::Status TrainingRun::GoOnFrom(const CheckpointState& origin) {
  const RunIdentity& run = origin.run;
  const int64_t bins = origin.position.step_in_epoch * run.world_size *
                       run.per_device_train_batch_size *
                       run.gradient_accumulation_steps;
  const int64_t step = train_loader_->GoOnBehind(origin.position.epoch, bins);
  const int64_t steps = context_.job.plan().steps();
  const std::string where =
      absl::StrCat(context_.job.origin().name(), ", step ",
                   origin.position.step, " there, is step ", step, " here");
  if (step > steps && spec_.train().max_steps() > 0) {
    return WithCause(
        v1::Attempt::USER_ERROR,
        absl::InvalidArgumentError(absl::StrCat("train.max_steps: ", steps,
                                                " steps end before ", where)));
  }
  // The last step of a part of an epoch may be a longer one there.
  resumed_step_ = std::min(step, steps);
  if (leads()) {
    context_.progress.AddEvent(v1::Event::INFO, "STARTED_FROM",
                               absl::StrCat("goes on: ", where));
  }
  return absl::OkStatus();
}

absl::Status TrainingRun::BeginTensorBoard() {
  if (!leads() || !spec_.logging().tensorboard()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::unique_ptr<TensorBoardWriter> board,
                   BeginRunBoard(spec_, resumed_step_));
  log_->SetBoard(std::move(board), [placement = context_.placement] {
    return GpuMemoryTakenOf(placement);
  });
  return absl::OkStatus();
}

absl::StatusOr<Trainer::End> TrainingRun::Train() {
  Trainer trainer(
      {.steps = context_.job.plan().steps(),
       .accumulation = spec_.train().gradient_accumulation_steps(),
       .max_grad_norm = spec_.train().max_grad_norm(),
       .eval_steps = spec_.logging().eval_steps(),
       .save_steps = spec_.checkpoint().save_steps(),
       .early_stopping_patience = spec_.train().early_stopping_patience()},
      {.loader = *train_loader_,
       .weights = *weights_,
       .transformer = *transformer_,
       .optimizer = *optimizer_,
       .schedule = *schedule_,
       .data_parallel = *data_parallel_,
       .evaluator = evaluator_.get(),
       .saver = *checkpoint_saver_,
       .log = *log_,
       .progress = context_.progress,
       .spans = spans_,
       .stop_requested = context_.stop_requested});
  const absl::StatusOr<Trainer::End> end = trainer.Train(resumed_step_);
  last_step_ = trainer.step();
  return end;
}

absl::Status TrainingRun::LoadBest() {
  const auto& best = log_->best().best_saved();
  if (!spec_.checkpoint().load_best_at_end() || !best.has_value()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(checkpoint_loader_->LoadWeights(best->step));
  context_.progress.AddEvent(
      v1::Event::INFO, "BEST_LOADED",
      absl::StrCat("the result has the weights of step ", best->step, " of ",
                   last_step_, ", eval_loss ", best->loss));
  return absl::OkStatus();
}

absl::Status TrainingRun::Save() {
  if (!leads()) return absl::OkStatus();
  context_.progress.SetPhase(worker::v1::PHASE_EXPORTING);
  RETURN_IF_ERROR(LoadBest());
  log_->AddSummary(last_step_);
  const absl::Status written = WriteRunResult(
      spec_, *weights_, inputs_.side_files, log_->ToTrainerState(last_step_),
      [this] { return checkpoint_saver_->AskAgain(last_step_); });
  if (written.ok()) log_->EndBoard();
  // What is read here is the base's, for the second time.
  const bool base_changed =
      absl::IsNotFound(written) || absl::IsInvalidArgument(written);
  return WithCause(
      base_changed ? v1::Attempt::INPUT_CHANGED : v1::Attempt::STORAGE_FULL,
      written);
}

absl::Status TrainingRun::Leave() { return data_parallel_->Barrier(); }

}  // namespace lockstep
