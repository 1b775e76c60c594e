#include "proto/contract/job_spec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/cuda_rules.h"
#include "proto/contract/labels.h"
#include "proto/contract/printable.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/spec_validator.h"
#include "proto/contract/spec_value.h"

namespace lockstep {
namespace {

constexpr size_t kMaxSpecBytes = 64 << 10;
constexpr size_t kMaxTemplateBytes = 64 << 10;
constexpr int kMaxRank = 1024;
constexpr int kMaxLengthLimit = 1 << 20;
constexpr int kMaxRanks = 4096;
constexpr int64_t kMaxTimeoutSeconds = 366 * 24 * 3600;
constexpr int kMaxAfter = 64;
constexpr size_t kLongestGpuModel = 64;
constexpr size_t kLongestSlurmName = 128;

constexpr std::array<absl::string_view, 7> kLinearModules = {
    "q_proj",    "k_proj",  "v_proj",   "o_proj",
    "gate_proj", "up_proj", "down_proj"};

void CheckNames(const v1::JobSpec& spec, Validator& check) {
  check.Require(spec.api_version() == "lockstep/v1", "apiVersion",
                absl::StrCat("\"", spec.api_version(),
                             "\" is not lockstep/v1, the only one there is"));
  check.Require(
      spec.name().empty() || IsValidJobId(spec.name()), "name",
      absl::StrCat("\"", spec.name(),
                   "\" is not an id: at most 63 lower-case letters, digits and "
                   "hyphens, beginning with a letter"));
  check.Add(CheckLabels(spec.labels()));
  check.Require(spec.ByteSizeLong() <= kMaxSpecBytes, "spec",
                absl::StrCat(spec.ByteSizeLong(), " bytes; at most ",
                             kMaxSpecBytes, " are allowed"));
}

void CheckModel(const v1::JobSpec& spec, Validator& check) {
  const v1::ModelSpec& model = spec.model();
  check.Path("model.path", model.path());
  check.Built("model.dtype", model.dtype(), v1::ModelSpec::Dtype_descriptor(),
              {v1::ModelSpec::DTYPE_AUTO, v1::ModelSpec::DTYPE_BF16,
               v1::ModelSpec::DTYPE_FLOAT32});
  check.Require(model.dtype() != v1::ModelSpec::DTYPE_BF16 ||
                    spec.resources().device() == v1::ResourceSpec::DEVICE_CUDA,
                "model.dtype",
                "bf16 needs resources.device: cuda; a CPU has float32");
  check.Require(model.chat_template().size() <= kMaxTemplateBytes,
                "model.chat_template",
                absl::StrCat(model.chat_template().size(), " bytes; at most ",
                             kMaxTemplateBytes, " are allowed"));
  if (model.has_adapter()) {
    check.Path("model.adapter", model.adapter());
    check.Require(spec.method().has_lora(), "model.adapter",
                  "is only for method.lora");
  }
}

void CheckBaseDtype(const v1::JobSpec& spec, Validator& check) {
  constexpr char kField[] = "method.lora.base_dtype";
  if (!spec.method().lora().has_base_dtype()) return;
  const std::string& dtype = spec.method().lora().base_dtype();
  if (dtype != "fp8") {
    check.NotBuilt(dtype == "nf4", kField, dtype);
    check.Require(dtype == "nf4", kField,
                  absl::StrCat("\"", dtype, "\" is not fp8, the only one"));
    return;
  }
  check.Require(spec.resources().device() == v1::ResourceSpec::DEVICE_CUDA,
                kField, "fp8 needs resources.device: cuda; a CPU has float32");
}

void CheckLora(const v1::LoraSpec& lora, Validator& check) {
  check.InRange("method.lora.r", lora.r(), 1, kMaxRank);
  check.Require(std::isfinite(lora.alpha()) && lora.alpha() > 0,
                "method.lora.alpha",
                absl::StrCat(lora.alpha(), " is not above 0"));
  check.Require(lora.dropout() >= 0 && lora.dropout() < 1,
                "method.lora.dropout",
                absl::StrCat(lora.dropout(), " is not in [0, 1)"));
  check.NotBuilt(lora.use_dora(), "method.lora.use_dora", "true");
  const auto& modules = lora.target_modules();
  if (modules.size() == 1 && modules[0] == "all-linear") return;
  for (const std::string& module : modules) {
    check.Require(std::find(kLinearModules.begin(), kLinearModules.end(),
                            module) != kLinearModules.end(),
                  "method.lora.target_modules",
                  absl::StrCat("\"", module, "\" is not one of ",
                               absl::StrJoin(kLinearModules, ", "),
                               ", or all-linear alone"));
    check.Require(std::count(modules.begin(), modules.end(), module) == 1,
                  "method.lora.target_modules",
                  absl::StrCat("\"", module, "\" is named twice"));
  }
}

void CheckMethod(const v1::MethodSpec& method, Validator& check) {
  check.Built("method.type", method.type(), v1::MethodSpec::Type_descriptor(),
              {v1::MethodSpec::TYPE_SFT});
  check.Require(method.has_lora() != method.has_full(), "method",
                "exactly one of lora and full is needed");
  if (method.has_lora()) CheckLora(method.lora(), check);
}

void CheckSource(const std::string& field, const v1::DataSource& source,
                 Validator& check) {
  check.Path(field + ".path", source.path());
  check.Built(
      field + ".format", source.format(), v1::DataSource::Format_descriptor(),
      {v1::DataSource::FORMAT_AUTO, v1::DataSource::FORMAT_MESSAGES,
       v1::DataSource::FORMAT_PROMPT_COMPLETION, v1::DataSource::FORMAT_TEXT});
  check.NotBuilt(source.weight() != 1.0, field + ".weight",
                 absl::StrCat(source.weight()));
  constexpr std::array<absl::string_view, 4> kColumns = {"messages", "prompt",
                                                         "completion", "text"};
  for (const auto& [ours, theirs] : source.columns()) {
    check.Require(
        std::find(kColumns.begin(), kColumns.end(), ours) != kColumns.end(),
        field + ".columns",
        absl::StrCat("\"", ours, "\" is not one of ",
                     absl::StrJoin(kColumns, ", ")));
    check.Require(!theirs.empty(), absl::StrCat(field, ".columns.", ours),
                  "names no column");
  }
}

void CheckData(const v1::DataSpec& data, Validator& check) {
  check.Require(data.train_size() > 0, "data.train", "names no file");
  for (int i = 0; i < data.train_size(); ++i) {
    CheckSource(absl::StrCat("data.train[", i, "]"), data.train(i), check);
  }
  if (data.has_eval()) CheckSource("data.eval", data.eval(), check);
  if (data.has_eval_fraction()) {
    check.Require(data.eval_fraction() > 0 && data.eval_fraction() < 1,
                  "data.eval_fraction",
                  absl::StrCat(data.eval_fraction(), " is not in (0, 1)"));
    check.Require(!data.has_eval(), "data.eval_fraction",
                  "and data.eval exclude each other");
  }
  check.InRange("data.max_length", data.max_length(), 2, kMaxLengthLimit);
  check.Built("data.packing", data.packing(),
              v1::DataSpec::Packing_descriptor(),
              {v1::DataSpec::PACKING_NONE, v1::DataSpec::PACKING_BFD});
  check.Known("data.train_on", data.train_on(),
              v1::DataSpec::TrainOn_descriptor());
  check.Known("data.truncation", data.truncation(),
              v1::DataSpec::Truncation_descriptor());
}

void CheckAccumulation(const v1::JobSpec& spec, Validator& check) {
  const v1::TrainSpec& train = spec.train();
  if (!train.has_global_batch_size()) {
    check.AtLeast("train.gradient_accumulation_steps",
                  train.gradient_accumulation_steps(), 1);
    return;
  }
  const int64_t micro =
      int64_t{train.per_device_train_batch_size()} * spec.resources().ranks();
  const int64_t implied = micro * train.gradient_accumulation_steps();
  check.Require(
      train.global_batch_size() > 0 && implied == train.global_batch_size(),
      "train.global_batch_size",
      absl::StrCat(train.global_batch_size(),
                   " is not a multiple of per_device_train_batch_size x "
                   "resources.ranks = ",
                   micro,
                   " (or gradient_accumulation_steps says otherwise: give one "
                   "of the two)"));
}

void CheckTrain(const v1::JobSpec& spec, Validator& check) {
  const v1::TrainSpec& train = spec.train();
  const auto positive = [&](absl::string_view field, double value) {
    check.Require(std::isfinite(value) && value > 0, field,
                  absl::StrCat(value, " is not above 0"));
  };
  const auto not_negative = [&](absl::string_view field, double value) {
    check.Require(std::isfinite(value) && value >= 0, field,
                  absl::StrCat(value, " is below 0"));
  };
  positive("train.num_train_epochs", train.num_train_epochs());
  check.Require(train.max_steps() == -1 || train.max_steps() > 0,
                "train.max_steps",
                absl::StrCat(train.max_steps(),
                             " is neither above 0 nor -1 (by epochs)"));
  check.AtLeast("train.per_device_train_batch_size",
                train.per_device_train_batch_size(), 1);
  check.AtLeast("train.per_device_eval_batch_size",
                train.per_device_eval_batch_size(), 1);
  CheckAccumulation(spec, check);
  positive("train.learning_rate", train.learning_rate());
  check.Built("train.lr_scheduler_type", train.lr_scheduler_type(),
              v1::TrainSpec::LrSchedulerType_descriptor(),
              {v1::TrainSpec::LR_SCHEDULER_TYPE_LINEAR,
               v1::TrainSpec::LR_SCHEDULER_TYPE_COSINE,
               v1::TrainSpec::LR_SCHEDULER_TYPE_CONSTANT,
               v1::TrainSpec::LR_SCHEDULER_TYPE_CONSTANT_WITH_WARMUP});
  not_negative("train.warmup_steps", train.warmup_steps());
  check.Built("train.optim", train.optim(), v1::TrainSpec::Optim_descriptor(),
              {v1::TrainSpec::OPTIM_ADAMW_TORCH,
               v1::TrainSpec::OPTIM_ADAMW_TORCH_FUSED});
  check.Require(train.adam_beta1() >= 0 && train.adam_beta1() < 1,
                "train.adam_beta1",
                absl::StrCat(train.adam_beta1(), " is not in [0, 1)"));
  check.Require(train.adam_beta2() >= 0 && train.adam_beta2() < 1,
                "train.adam_beta2",
                absl::StrCat(train.adam_beta2(), " is not in [0, 1)"));
  positive("train.adam_epsilon", train.adam_epsilon());
  not_negative("train.weight_decay", train.weight_decay());
  not_negative("train.max_grad_norm", train.max_grad_norm());
  check.Known("train.recompute", train.recompute(),
              v1::TrainSpec::Recompute_descriptor());
  check.Require(!train.gradient_checkpointing() ||
                    train.recompute() == v1::TrainSpec::RECOMPUTE_BLOCK,
                "train.gradient_checkpointing",
                "true means train.recompute: block, and another is given");
}

void CheckTimeout(const google::protobuf::Duration& timeout, Validator& check) {
  const double seconds = static_cast<double>(timeout.seconds()) +
                         static_cast<double>(timeout.nanos()) / 1e9;
  check.Require(seconds > 0 && timeout.seconds() <= kMaxTimeoutSeconds,
                "resources.timeout",
                absl::StrCat(seconds, " s is not above 0 and at most ",
                             kMaxTimeoutSeconds, " s"));
}

void CheckGpuModel(const v1::ResourceSpec& resources, Validator& check) {
  const std::string& model = resources.gpu_model();
  check.Require(model.size() <= kLongestGpuModel, "resources.gpu_model",
                absl::StrCat("has ", model.size(), " characters; at most ",
                             kLongestGpuModel, " are allowed"));
  check.Require(
      model.empty() || resources.device() != v1::ResourceSpec::DEVICE_CPU,
      "resources.gpu_model",
      absl::StrCat("\"", Printable(model),
                   "\" is of a GPU, and resources.device is cpu"));
}

// What sbatch takes as one option; Slurm knows whether there is such a one.
bool IsSlurmName(const std::string& value, absl::string_view more) {
  return value.size() <= kLongestSlurmName &&
         std::all_of(value.begin(), value.end(), [&](unsigned char c) {
           return absl::ascii_isalnum(c) || absl::StrContains("_-.", c) ||
                  absl::StrContains(more, c);
         });
}

void CheckSlurm(const v1::SlurmSpec& slurm, Validator& check) {
  const auto name = [&](absl::string_view field, const std::string& value,
                        absl::string_view more) {
    check.Require(
        IsSlurmName(value, more), absl::StrCat("resources.slurm.", field),
        absl::StrCat("\"", Printable(value), "\" is not at most ",
                     kLongestSlurmName, " letters, digits and _-.", more));
  };
  name("partition", slurm.partition(), ",");
  name("account", slurm.account(), "");
  name("qos", slurm.qos(), "");
  name("constraint", slurm.constraint(), "&|*()[]");
}

// Whether there is an engine that can do it the server knows.
void CheckNodes(const v1::ResourceSpec& resources, Validator& check) {
  if (!resources.has_nodes()) return;
  check.InRange("resources.nodes", resources.nodes(), 1, kMaxRanks);
  check.Require(
      resources.nodes() < 1 || resources.ranks() % resources.nodes() == 0,
      "resources.nodes",
      absl::StrCat("resources.ranks = ", resources.ranks(),
                   " cannot be spread evenly over ", resources.nodes(),
                   " hosts"));
}

void CheckResources(const v1::JobSpec& spec, Validator& check) {
  const v1::ResourceSpec& resources = spec.resources();
  check.Known("resources.device", resources.device(),
              v1::ResourceSpec::Device_descriptor());
  check.InRange("resources.ranks", resources.ranks(), 1, kMaxRanks);
  check.Require(!resources.has_gpus() || resources.gpus() == resources.ranks(),
                "resources.gpus",
                absl::StrCat(resources.gpus(), " where resources.ranks is ",
                             resources.ranks(),
                             ": one rank is one GPU, give one of them"));
  check.Known("resources.priority", resources.priority(),
              v1::ResourceSpec::Priority_descriptor());
  if (resources.has_timeout()) CheckTimeout(resources.timeout(), check);
  check.Require(IsValidJobId(resources.queue()), "resources.queue",
                absl::StrCat("\"", resources.queue(),
                             "\" is not the id of a queue: 1 to 63 lower-case "
                             "letters, digits and hyphens"));
  CheckGpuModel(resources, check);
  CheckNodes(resources, check);
  if (resources.has_slurm()) CheckSlurm(resources.slurm(), check);
  if (resources.device() == v1::ResourceSpec::DEVICE_CUDA) {
    check.Add(CudaViolations(spec));
  }
}

// Both go by eval_loss, which there must be.
void CheckEvaluated(const v1::JobSpec& spec, absl::string_view field,
                    Validator& check) {
  check.Require(spec.data().has_eval() || spec.data().has_eval_fraction(),
                field,
                "needs an evaluation set: data.eval or data.eval_fraction");
  check.Require(spec.logging().eval_steps() > 0, field,
                "needs logging.eval_steps above 0");
}

void CheckEarlyStopping(const v1::JobSpec& spec, Validator& check) {
  const v1::TrainSpec& train = spec.train();
  const double threshold = train.early_stopping_threshold();
  check.Require(std::isfinite(threshold) && threshold >= 0,
                "train.early_stopping_threshold",
                absl::StrCat(threshold, " is below 0"));
  if (!train.has_early_stopping_patience()) return;
  check.AtLeast("train.early_stopping_patience",
                train.early_stopping_patience(), 1);
  CheckEvaluated(spec, "train.early_stopping_patience", check);
}

void CheckBest(const v1::JobSpec& spec, Validator& check) {
  if (!spec.checkpoint().load_best_at_end()) return;
  CheckEvaluated(spec, "checkpoint.load_best_at_end", check);
  const int64_t save = spec.checkpoint().save_steps();
  const int64_t eval = spec.logging().eval_steps();
  if (eval <= 0) return;
  check.Require(
      save > 0 && save % eval == 0, "checkpoint.save_steps",
      absl::StrCat(save, " is not a multiple of logging.eval_steps ", eval,
                   ", and the best checkpoint is one that was "
                   "evaluated (checkpoint.load_best_at_end)"));
}

void CheckStart(const v1::CheckpointSpec& checkpoint, Validator& check) {
  if (!checkpoint.has_start_from()) {
    check.Require(!checkpoint.inexact(), "checkpoint.inexact",
                  "is only for checkpoint.start_from");
    return;
  }
  check.Require(ParseCheckpointName(checkpoint.start_from()).ok(),
                "checkpoint.start_from",
                absl::StrCat("\"", checkpoint.start_from(),
                             "\" is not of the form "
                             "jobs/{job}/checkpoints/{step}"));
  check.Require(checkpoint.resume() != v1::CheckpointSpec::RESUME_NEVER,
                "checkpoint.start_from",
                "and checkpoint.resume: never exclude each other");
}

void CheckSaving(const v1::JobSpec& spec, Validator& check) {
  const v1::CheckpointSpec& checkpoint = spec.checkpoint();
  check.AtLeast("checkpoint.save_steps", checkpoint.save_steps(), 0);
  check.Known("checkpoint.resume", checkpoint.resume(),
              v1::CheckpointSpec::Resume_descriptor());
  if (checkpoint.has_save_total_limit()) {
    check.AtLeast("checkpoint.save_total_limit", checkpoint.save_total_limit(),
                  1);
  }
  CheckBest(spec, check);
  CheckStart(checkpoint, check);
  check.AtLeast("logging.logging_steps", spec.logging().logging_steps(), 1);
  check.AtLeast("logging.eval_steps", spec.logging().eval_steps(), 0);
  check.Path("output_dir", spec.output_dir());
  check.AtLeast("max_restarts", spec.max_restarts(), 0);
}

// Whether there are such jobs is not known here.
void CheckAfter(const v1::JobSpec& spec, Validator& check) {
  const auto& after = spec.after();
  check.Require(
      after.size() <= kMaxAfter, "after",
      absl::StrCat(after.size(), " jobs; at most ", kMaxAfter, " are allowed"));
  for (const std::string& id : after) {
    check.Require(IsValidJobId(id), "after",
                  absl::StrCat("\"", id, "\" is not the id of a job"));
    check.Require(id.empty() || id != spec.name(), "after",
                  absl::StrCat("\"", id, "\" is the job itself"));
    check.Require(std::count(after.begin(), after.end(), id) == 1, "after",
                  absl::StrCat("\"", id, "\" is named twice"));
  }
}

}  // namespace

std::vector<FieldViolation> ValidateJobSpec(const v1::JobSpec& spec) {
  Validator check;
  CheckNames(spec, check);
  CheckModel(spec, check);
  CheckMethod(spec.method(), check);
  CheckBaseDtype(spec, check);
  CheckData(spec.data(), check);
  CheckTrain(spec, check);
  CheckEarlyStopping(spec, check);
  CheckResources(spec, check);
  CheckSaving(spec, check);
  CheckAfter(spec, check);
  return check.Take();
}

absl::Status ViolationsToStatus(const std::vector<FieldViolation>& violations) {
  return violations.empty() ? absl::OkStatus()
                            : errors::InvalidSpec(violations);
}

}  // namespace lockstep
