#include "proto/contract/job_spec.h"

#include <functional>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

v1::JobSpec GoodSpec() {
  v1::JobSpec spec;
  spec.set_api_version("lockstep/v1");
  spec.mutable_model()->set_path("/models/tiny");
  spec.mutable_method()->mutable_lora();
  spec.mutable_data()->add_train()->set_path("/data/train.jsonl");
  spec.set_output_dir("/out");
  return spec;
}

std::vector<FieldViolation> Check(v1::JobSpec spec) {
  ApplyDefaults(&spec);
  return ValidateJobSpec(spec);
}

TEST(JobSpecTest, TheSmallestSpecIsGood) {
  EXPECT_THAT(Check(GoodSpec()), IsEmpty());
  EXPECT_TRUE(ViolationsToStatus({}).ok());
}

TEST(JobSpecTest, DefaultsAreTheOnesOfTheProto) {
  v1::JobSpec spec = GoodSpec();

  ApplyDefaults(&spec);

  EXPECT_EQ(spec.train().learning_rate(), 2e-4);
  EXPECT_EQ(spec.train().num_train_epochs(), 3);
  EXPECT_EQ(spec.train().gradient_accumulation_steps(), 1);
  EXPECT_EQ(spec.train().optim(), v1::TrainSpec::OPTIM_ADAMW_TORCH_FUSED);
  EXPECT_EQ(spec.train().max_grad_norm(), 1.0);
  EXPECT_EQ(spec.method().lora().r(), 16);
  EXPECT_EQ(spec.method().lora().alpha(), 32);
  EXPECT_EQ(spec.method().lora().target_modules(0), "all-linear");
  EXPECT_EQ(spec.data().max_length(), 1024);
  EXPECT_TRUE(spec.data().shuffle());
  EXPECT_EQ(spec.data().shuffle_seed(), 42);
  EXPECT_EQ(spec.resources().ranks(), 1);
  EXPECT_EQ(spec.resources().queue(), "default");
  EXPECT_EQ(spec.resources().priority(), v1::ResourceSpec::PRIORITY_NORMAL);
  EXPECT_EQ(spec.resources().device(), v1::ResourceSpec::DEVICE_AUTO);
  EXPECT_EQ(spec.checkpoint().save_steps(), 500);
  EXPECT_TRUE(spec.logging().tensorboard());
  EXPECT_EQ(spec.max_restarts(), 3);
}

TEST(JobSpecTest, FullFineTuningHasASmallerLearningRate) {
  v1::JobSpec spec = GoodSpec();
  spec.mutable_method()->clear_lora();
  spec.mutable_method()->mutable_full();

  ApplyDefaults(&spec);

  EXPECT_EQ(spec.train().learning_rate(), 2e-5);
  EXPECT_THAT(ValidateJobSpec(spec), IsEmpty());
}

TEST(JobSpecTest, WhatWasSetStaysEvenWhenItIsZero) {
  v1::JobSpec spec = GoodSpec();
  spec.mutable_train()->set_max_grad_norm(0);
  spec.mutable_data()->set_shuffle(false);
  spec.set_max_restarts(0);
  spec.mutable_checkpoint()->set_save_steps(0);

  ApplyDefaults(&spec);

  EXPECT_EQ(spec.train().max_grad_norm(), 0);
  EXPECT_FALSE(spec.data().shuffle());
  EXPECT_EQ(spec.max_restarts(), 0);
  EXPECT_EQ(spec.checkpoint().save_steps(), 0);
  EXPECT_THAT(ValidateJobSpec(spec), IsEmpty());
}

TEST(JobSpecTest, DefaultsAreStable) {
  v1::JobSpec once = GoodSpec();
  ApplyDefaults(&once);
  v1::JobSpec twice = once;

  ApplyDefaults(&twice);

  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(once, twice));
}

TEST(JobSpecTest, AGlobalBatchBecomesAccumulation) {
  v1::JobSpec spec = GoodSpec();
  spec.mutable_train()->set_global_batch_size(32);
  spec.mutable_train()->set_per_device_train_batch_size(4);
  spec.mutable_resources()->set_ranks(2);

  ApplyDefaults(&spec);

  EXPECT_EQ(spec.train().gradient_accumulation_steps(), 4);
  EXPECT_THAT(ValidateJobSpec(spec), IsEmpty());
}

TEST(JobSpecTest, LoraOnOneGpuIsAccepted) {
  v1::JobSpec spec = GoodSpec();
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CUDA);
  spec.mutable_model()->set_dtype(v1::ModelSpec::DTYPE_BF16);

  ApplyDefaults(&spec);

  EXPECT_THAT(ValidateJobSpec(spec), IsEmpty());
}

TEST(JobSpecTest, GpusAreShorthandForRanksOnCuda) {
  v1::JobSpec spec = GoodSpec();
  spec.mutable_resources()->set_gpus(4);

  ApplyDefaults(&spec);

  EXPECT_EQ(spec.resources().device(), v1::ResourceSpec::DEVICE_CUDA);
  EXPECT_EQ(spec.resources().ranks(), 4);
}

TEST(JobSpecTest, AllViolationsAreCollected) {
  v1::JobSpec spec = GoodSpec();
  spec.set_api_version("lockstep/v2");
  spec.mutable_train()->set_learning_rate(-1);
  spec.clear_output_dir();

  EXPECT_THAT(Check(spec), SizeIs(3));
  EXPECT_EQ(ErrorViolations(ViolationsToStatus(Check(spec))).size(), 3);
}

// One bad value: which field is named, and what the message must hold.
struct Rule {
  std::string name;
  std::function<void(v1::JobSpec&)> spoil;
  std::string field;
  std::string says;
};

class JobSpecRuleTest : public ::testing::TestWithParam<Rule> {};

TEST_P(JobSpecRuleTest, IsRefusedNamingFieldAndValue) {
  v1::JobSpec spec = GoodSpec();
  GetParam().spoil(spec);

  EXPECT_THAT(Check(spec),
              Contains(AllOf(Field(&FieldViolation::field, GetParam().field),
                             Field(&FieldViolation::description,
                                   HasSubstr(GetParam().says)))));
}

std::string NameOf(const ::testing::TestParamInfo<Rule>& info) {
  return info.param.name;
}

#define RULE(name, statement, field, says)               \
  Rule {                                                 \
    name, [](v1::JobSpec& s) { statement; }, field, says \
  }

INSTANTIATE_TEST_SUITE_P(
    Values, JobSpecRuleTest,
    ::testing::Values(
        RULE("Queue", s.mutable_resources()->set_queue("Re search"),
             "resources.queue", "\"Re search\" is not the id of a queue"),
        RULE("GpuModelOfACpu",
             s.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CPU);
             s.mutable_resources()->set_gpu_model("H200"),
             "resources.gpu_model", "resources.device is cpu"),
        RULE("GpuModelSize",
             s.mutable_resources()->set_gpu_model(std::string(65, 'x')),
             "resources.gpu_model", "65"),
        RULE("UnevenNodes", s.mutable_resources()->set_ranks(3);
             s.mutable_resources()->set_nodes(2), "resources.nodes",
             "3 cannot be spread evenly over 2 hosts"),
        RULE("NoNodes", s.mutable_resources()->set_nodes(0), "resources.nodes",
             "0 is not between 1"),
        RULE("Partition",
             s.mutable_resources()->mutable_slurm()->set_partition("a b"),
             "resources.slurm.partition", "\"a b\" is not at most 128"),
        RULE("Account",
             s.mutable_resources()->mutable_slurm()->set_account("$(id)"),
             "resources.slurm.account", "$(id)"),
        RULE("Qos", s.mutable_resources()->mutable_slurm()->set_qos("a,b"),
             "resources.slurm.qos", "a,b"),
        RULE("Constraint",
             s.mutable_resources()->mutable_slurm()->set_constraint(
                 std::string(129, 'c')),
             "resources.slurm.constraint", "128"),
        RULE("NoVersion", s.clear_api_version(), "apiVersion", "lockstep/v1"),
        RULE("Name", s.set_name("Bad_Name"), "name", "Bad_Name"),
        RULE("LabelSize", (*s.mutable_labels())["team"] = std::string(200, 'x'),
             "labels.team", "128"),
        RULE("Labels",
             for (int i = 0; i < 65;
                  ++i) (*s.mutable_labels())[std::to_string(i)] = "",
             "labels", "65"),
        RULE("SpecSize",
             s.mutable_data()->mutable_train(0)->set_path(
                 "/" + std::string(70000, 'x')),
             "spec", "65536"),
        RULE("NoModel", s.mutable_model()->clear_path(), "model.path",
             "not set"),
        RULE("RelativeModel", s.mutable_model()->set_path("tiny"), "model.path",
             "\"tiny\" is not an absolute path"),
        RULE("NulPath", s.mutable_model()->set_path(std::string("/a\0b", 4)),
             "model.path", "NUL"),
        RULE("TemplateSize",
             s.mutable_model()->set_chat_template(std::string(70000, 'x')),
             "model.chat_template", "70000"),
        RULE("RelativeAdapter", s.mutable_model()->set_adapter("a"),
             "model.adapter", "absolute"),
        RULE("AdapterWithFull", s.mutable_model()->set_adapter("/a");
             s.mutable_method()->clear_lora();
             s.mutable_method()->mutable_full(), "model.adapter",
             "method.lora"),
        RULE("NoMethod", s.clear_method(), "method", "lora and full"),
        RULE("TwoMethods", s.mutable_method()->mutable_full(), "method",
             "exactly one"),
        RULE("RankTooSmall", s.mutable_method()->mutable_lora()->set_r(0),
             "method.lora.r", "0 is not between 1 and 1024"),
        RULE("RankTooLarge", s.mutable_method()->mutable_lora()->set_r(1025),
             "method.lora.r", "1025"),
        RULE("Alpha", s.mutable_method()->mutable_lora()->set_alpha(kNan),
             "method.lora.alpha", "nan"),
        RULE("Dropout", s.mutable_method()->mutable_lora()->set_dropout(1),
             "method.lora.dropout", "[0, 1)"),
        RULE("Module",
             s.mutable_method()->mutable_lora()->add_target_modules("wq"),
             "method.lora.target_modules", "\"wq\" is not one of q_proj"),
        RULE("ModuleTwice",
             s.mutable_method()->mutable_lora()->add_target_modules("q_proj");
             s.mutable_method()->mutable_lora()->add_target_modules("q_proj"),
             "method.lora.target_modules", "twice"),
        RULE("AllLinearAmongOthers",
             s.mutable_method()->mutable_lora()->add_target_modules("q_proj");
             s.mutable_method()->mutable_lora()->add_target_modules(
                 "all-linear"),
             "method.lora.target_modules", "alone"),
        RULE("NoData", s.mutable_data()->clear_train(), "data.train",
             "no file"),
        RULE("RelativeData", s.mutable_data()->add_train()->set_path("b.jsonl"),
             "data.train[1].path", "b.jsonl"),
        RULE("RelativeEval", s.mutable_data()->mutable_eval()->set_path("e"),
             "data.eval.path", "absolute"),
        RULE(
            "Column",
            (*s.mutable_data()->mutable_train(0)->mutable_columns())["x"] = "y",
            "data.train[0].columns", "\"x\" is not one of messages"),
        RULE("EmptyColumn",
             (*s.mutable_data()->mutable_train(0)->mutable_columns())["text"] =
                 "",
             "data.train[0].columns.text", "no column"),
        RULE("EvalFraction", s.mutable_data()->set_eval_fraction(1),
             "data.eval_fraction", "(0, 1)"),
        RULE("EvalTwice", s.mutable_data()->set_eval_fraction(0.1);
             s.mutable_data()->mutable_eval()->set_path("/e"),
             "data.eval_fraction", "exclude"),
        RULE("MaxLength", s.mutable_data()->set_max_length(1),
             "data.max_length", "1 is not between 2 and"),
        RULE("UnknownTrainOn",
             s.mutable_data()->set_train_on(v1::DataSpec::TrainOn(77)),
             "data.train_on", "77"),
        RULE("UnknownTruncation",
             s.mutable_data()->set_truncation(v1::DataSpec::Truncation(77)),
             "data.truncation", "77 is not one of keep_start")),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Training, JobSpecRuleTest,
    ::testing::Values(
        RULE("Epochs", s.mutable_train()->set_num_train_epochs(0),
             "train.num_train_epochs", "0 is not above 0"),
        RULE("MaxSteps", s.mutable_train()->set_max_steps(0), "train.max_steps",
             "0 is neither"),
        RULE("BatchSize", s.mutable_train()->set_per_device_train_batch_size(0),
             "train.per_device_train_batch_size", "0 is below 1"),
        RULE("EvalBatchSize",
             s.mutable_train()->set_per_device_eval_batch_size(-2),
             "train.per_device_eval_batch_size", "-2 is below 1"),
        RULE("Accumulation",
             s.mutable_train()->set_gradient_accumulation_steps(0),
             "train.gradient_accumulation_steps", "0 is below 1"),
        RULE("GlobalBatch", s.mutable_train()->set_global_batch_size(7),
             "train.global_batch_size", "7 is not a multiple"),
        RULE("GlobalBatchTwice", s.mutable_train()->set_global_batch_size(16);
             s.mutable_train()->set_gradient_accumulation_steps(3),
             "train.global_batch_size", "one of the two"),
        RULE("LearningRate", s.mutable_train()->set_learning_rate(kNan),
             "train.learning_rate", "nan"),
        RULE("Warmup", s.mutable_train()->set_warmup_steps(-1),
             "train.warmup_steps", "-1 is below 0"),
        RULE("Beta1", s.mutable_train()->set_adam_beta1(1), "train.adam_beta1",
             "[0, 1)"),
        RULE("Beta2", s.mutable_train()->set_adam_beta2(-0.1),
             "train.adam_beta2", "-0.1"),
        RULE("Epsilon", s.mutable_train()->set_adam_epsilon(0),
             "train.adam_epsilon", "not above 0"),
        RULE("WeightDecay", s.mutable_train()->set_weight_decay(-1),
             "train.weight_decay", "below 0"),
        RULE("GradNorm", s.mutable_train()->set_max_grad_norm(-1),
             "train.max_grad_norm", "below 0"),
        RULE("Patience", s.mutable_train()->set_early_stopping_patience(0),
             "train.early_stopping_patience", "0 is below 1"),
        RULE("PatienceWithoutData",
             s.mutable_train()->set_early_stopping_patience(2),
             "train.early_stopping_patience", "needs an evaluation set"),
        RULE("PatienceWithoutEvaluations",
             s.mutable_train()->set_early_stopping_patience(2),
             "train.early_stopping_patience", "needs logging.eval_steps"),
        RULE("Threshold", s.mutable_train()->set_early_stopping_threshold(-1),
             "train.early_stopping_threshold", "-1 is below 0"),
        RULE("BestWithoutData",
             s.mutable_checkpoint()->set_load_best_at_end(true),
             "checkpoint.load_best_at_end", "needs an evaluation set"),
        RULE("BestWithoutEvaluations",
             s.mutable_checkpoint()->set_load_best_at_end(true),
             "checkpoint.load_best_at_end", "needs logging.eval_steps"),
        RULE("BestThatIsNotSaved",
             s.mutable_checkpoint()->set_load_best_at_end(true);
             s.mutable_logging()->set_eval_steps(200);
             s.mutable_checkpoint()->set_save_steps(500),
             "checkpoint.save_steps",
             "500 is not a multiple of logging.eval_steps 200"),
        RULE("Ranks", s.mutable_resources()->set_ranks(0), "resources.ranks",
             "0 is not between 1 and"),
        RULE("UnknownDevice",
             s.mutable_resources()->set_device(v1::ResourceSpec::Device(9)),
             "resources.device", "9 is not one of auto"),
        RULE("UnknownPriority",
             s.mutable_resources()->set_priority(v1::ResourceSpec::Priority(9)),
             "resources.priority", "9 is not one of low, normal, high"),
        RULE("SaveSteps", s.mutable_checkpoint()->set_save_steps(-1),
             "checkpoint.save_steps", "-1 is below 0"),
        RULE("UnknownResume",
             s.mutable_checkpoint()->set_resume(v1::CheckpointSpec::Resume(9)),
             "checkpoint.resume", "9"),
        RULE("StartFromNoCheckpoint",
             s.mutable_checkpoint()->set_start_from("jobs/demo"),
             "checkpoint.start_from", "\"jobs/demo\" is not of the form"),
        RULE("StartFromAndNever",
             s.mutable_checkpoint()->set_start_from("jobs/demo/checkpoints/4");
             s.mutable_checkpoint()->set_resume(
                 v1::CheckpointSpec::RESUME_NEVER),
             "checkpoint.start_from", "exclude each other"),
        RULE("InexactWithoutAStart", s.mutable_checkpoint()->set_inexact(true),
             "checkpoint.inexact", "only for checkpoint.start_from"),
        RULE("LoggingSteps", s.mutable_logging()->set_logging_steps(0),
             "logging.logging_steps", "0 is below 1"),
        RULE("EvalSteps", s.mutable_logging()->set_eval_steps(-1),
             "logging.eval_steps", "below 0"),
        RULE("RelativeOutput", s.set_output_dir("out"), "output_dir",
             "\"out\""),
        RULE("NegativeTimeout",
             s.mutable_resources()->mutable_timeout()->set_seconds(-1),
             "resources.timeout", "-1 s is not above 0"),
        RULE("NoTimeout", s.mutable_resources()->mutable_timeout(),
             "resources.timeout", "0 s is not above 0"),
        RULE("EndlessTimeout",
             s.mutable_resources()->mutable_timeout()->set_seconds(1LL << 40),
             "resources.timeout", "at most 31622400 s"),
        RULE("AfterNoJob", s.add_after("jobs/a"), "after",
             "\"jobs/a\" is not the id of a job"),
        RULE("AfterNothing", s.add_after(""), "after",
             "\"\" is not the id of a job"),
        RULE("AfterItself", (s.set_name("a"), s.add_after("a")), "after",
             "\"a\" is the job itself"),
        RULE("AfterOneTwice", (s.add_after("a"), s.add_after("a")), "after",
             "\"a\" is named twice"),
        RULE("MaxRestarts", s.set_max_restarts(-1), "max_restarts",
             "-1 is below 0")),
    NameOf);

// Known to the proto, refused by name until they are built.
INSTANTIATE_TEST_SUITE_P(
    NotBuilt, JobSpecRuleTest,
    ::testing::Values(
        RULE("Packing",
             s.mutable_data()->set_packing(v1::DataSpec::PACKING_WRAPPED),
             "data.packing", "wrapped is known but not built yet; use none"),
        RULE("Optim", s.mutable_train()->set_optim(v1::TrainSpec::OPTIM_LION),
             "train.optim", "lion is known but not built yet"),
        RULE("Scheduler",
             s.mutable_train()->set_lr_scheduler_type(
                 v1::TrainSpec::LR_SCHEDULER_TYPE_POLYNOMIAL),
             "train.lr_scheduler_type", "polynomial is known"),
        RULE("Dpo", s.mutable_method()->set_type(v1::MethodSpec::TYPE_DPO),
             "method.type", "dpo is known"),
        RULE("Dora", s.mutable_method()->mutable_lora()->set_use_dora(true),
             "method.lora.use_dora", "not built"),
        RULE("BaseDtype",
             s.mutable_method()->mutable_lora()->set_base_dtype("nf4"),
             "method.lora.base_dtype", "nf4 is known but not built yet"),
        RULE("UnknownBaseDtype",
             s.mutable_method()->mutable_lora()->set_base_dtype("fp7"),
             "method.lora.base_dtype", "\"fp7\" is not fp8"),
        RULE("Fp8OnACpu",
             s.mutable_method()->mutable_lora()->set_base_dtype("fp8"),
             "method.lora.base_dtype", "fp8 needs resources.device: cuda"),
        RULE("SaveLimit", s.mutable_checkpoint()->set_save_total_limit(0),
             "checkpoint.save_total_limit", "0 is below 1"),
        RULE("GradientCheckpointing",
             (s.mutable_train()->set_gradient_checkpointing(true),
              s.mutable_train()->set_recompute(v1::TrainSpec::RECOMPUTE_NONE)),
             "train.gradient_checkpointing", "means train.recompute: block"),
        RULE("Format",
             s.mutable_data()->mutable_train(0)->set_format(
                 v1::DataSource::FORMAT_ALPACA),
             "data.train[0].format", "alpaca is known"),
        RULE("Weight", s.mutable_data()->mutable_train(0)->set_weight(2),
             "data.train[0].weight", "2 is known"),
        RULE("GpusAndRanks",
             (s.mutable_resources()->set_gpus(2),
              s.mutable_resources()->set_ranks(4)),
             "resources.gpus", "one rank is one GPU"),
        RULE("CudaFloat32",
             (s.mutable_resources()->set_gpus(1),
              s.mutable_model()->set_dtype(v1::ModelSpec::DTYPE_FLOAT32)),
             "model.dtype", "float32: cuda is built for bf16"),
        RULE("Bf16OnACpu",
             s.mutable_model()->set_dtype(v1::ModelSpec::DTYPE_BF16),
             "model.dtype", "bf16 needs resources.device: cuda")),
    NameOf);

}  // namespace
}  // namespace lockstep
