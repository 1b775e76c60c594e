// Whole runs, against Transformers, PEFT and torch.optim.AdamW.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "lockstep/v1/job.pb.h"
#include "tests/worker/model/golden.h"
#include "tests/worker/model/random_model.h"
#include "worker/model/transformer.h"
#include "worker/optim/adamw.h"
#include "worker/optim/clip.h"
#include "worker/optim/lr_schedule.h"

namespace lockstep {
namespace {

// How the bins of a step become micro-batches.
enum class Split { kWhole, kTwo, kUnpacked };

std::vector<Batch> SplitStep(const nlohmann::json& bins, Split split) {
  std::vector<Batch> batches;
  std::vector<Document> documents;
  for (size_t i = 0; i < bins.size(); ++i) {
    for (const Document& document : ToDocuments(bins[i])) {
      if (split == Split::kUnpacked) {
        batches.emplace_back(std::vector<Document>{document});
      }
      documents.push_back(document);
    }
    if (split == Split::kTwo && i % 2 == 1) {
      batches.emplace_back(documents);
      documents.clear();
    }
  }
  if (split == Split::kWhole) batches.emplace_back(documents);
  return batches;
}

// The trainer's rule of a step, in small.
class TrainingRun {
 public:
  explicit TrainingRun(const nlohmann::json& golden)
      : golden_(golden),
        weights_(OpenGoldenModel(golden)),
        transformer_(MakeTransformer(*weights_, 256)),
        schedule_(v1::TrainSpec::LR_SCHEDULER_TYPE_LINEAR,
                  golden["optimizer"]["learning_rate"],
                  golden["schedule"]["warmup_steps"],
                  golden["schedule"]["max_steps"]) {
    const nlohmann::json& options = golden["optimizer"];
    std::vector<DecayRange> ranges;
    for (const Parameter& p : weights_->parameters()->list()) {
      ranges.push_back({p.offset, p.offset + p.size(), p.decays});
    }
    optimizer_ = std::make_unique<AdamW>(
        weights_->parameters()->values(), weights_->parameters()->gradients(),
        ranges,
        AdamWOptions{.beta1 = options["adam_beta1"],
                     .beta2 = options["adam_beta2"],
                     .epsilon = options["adam_epsilon"],
                     .weight_decay = options["weight_decay"]});
  }

  // Leaves the gradients of the summed loss.
  StepOutput Accumulate(const nlohmann::json& step, Split split) {
    at::Tensor gradients = weights_->parameters()->gradients();
    gradients.zero_();
    StepOutput sum;
    for (const Batch& batch : SplitStep(step["bins"], split)) {
      const auto output = transformer_->ForwardBackward(batch.view(), 0);
      EXPECT_TRUE(output.ok()) << output.status();
      sum.loss_sum += output->loss_sum;
      sum.trained_tokens += output->trained_tokens;
    }
    return sum;
  }

  // Returns the global norm before the clip.
  double Update(int64_t trained_tokens) {
    const double scale = 1.0 / static_cast<double>(trained_tokens);
    const double norm =
        GlobalNorm(weights_->parameters()->gradients()).Measure() * scale;
    const double clip = ClipFactor(norm, golden_["optimizer"]["max_grad_norm"]);
    optimizer_->Step(schedule_.At(optimizer_->steps()), scale * clip);
    EXPECT_TRUE(weights_->AfterUpdate().ok());
    return norm;
  }

  double NextLearningRate() const { return schedule_.At(optimizer_->steps()); }
  Parameters& parameters() { return *weights_->parameters(); }

 private:
  const nlohmann::json& golden_;
  std::unique_ptr<ModelWeights> weights_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<AdamW> optimizer_;
  const LrSchedule schedule_;
};

class TrainingGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  TrainingGoldenTest()
      : golden_(ReadJson(
            TestDataPath("golden/" + std::string(GetParam()) + ".json"))) {}

  const nlohmann::json golden_;
};

TEST_P(TrainingGoldenTest, FirstLossAndGradientsAreThoseOfThePeers) {
  TrainingRun run(golden_);
  const nlohmann::json& step = golden_["steps"][0];

  const StepOutput sum = run.Accumulate(step, Split::kTwo);

  EXPECT_EQ(sum.trained_tokens, step["trained_tokens"]);
  EXPECT_NEAR(sum.loss_sum / step["loss_sum"].get<double>(), 1, 1e-4);
  const SafetensorsFile expected =
      OpenTensors(TestDataPath(golden_["gradients_file"].get<std::string>()));
  EXPECT_EQ(expected.tensors().size(), run.parameters().list().size());
  for (const TensorInfo& tensor : expected.tensors()) {
    const at::Tensor gradient = run.parameters().Gradient(tensor.name) /
                                static_cast<double>(sum.trained_tokens);
    EXPECT_LT(RelativeError(gradient, ReadTensor(expected, tensor.name)), 1e-4)
        << tensor.name;
    EXPECT_NEAR(gradient.norm().item<double>(),
                golden_["gradient_norms_float64"][tensor.name].get<double>(),
                1e-4 * gradient.norm().item<double>())
        << tensor.name;
  }
}

TEST_P(TrainingGoldenTest, AllLossesNormsAndLastWeightsAreThoseOfThePeers) {
  TrainingRun run(golden_);

  for (const nlohmann::json& step : golden_["steps"]) {
    SCOPED_TRACE(step["step"].get<int>());
    EXPECT_DOUBLE_EQ(run.NextLearningRate(), step["learning_rate"]);
    const StepOutput sum = run.Accumulate(step, Split::kTwo);
    ASSERT_EQ(sum.trained_tokens, step["trained_tokens"]);
    const double loss = sum.loss_sum / static_cast<double>(sum.trained_tokens);
    EXPECT_NEAR(loss / step["loss"].get<double>(), 1, 1e-3);
    EXPECT_NEAR(
        run.Update(sum.trained_tokens) / step["grad_norm"].get<double>(), 1,
        1e-3);
  }

  const SafetensorsFile expected =
      OpenTensors(TestDataPath(golden_["final_file"].get<std::string>()));
  for (const TensorInfo& tensor : expected.tensors()) {
    EXPECT_LT(RelativeError(run.parameters().Value(tensor.name),
                            ReadTensor(expected, tensor.name)),
              1e-4)
        << tensor.name;
  }
  for (const auto& [name, norm] : golden_["final_norms"].items()) {
    EXPECT_NEAR(
        run.parameters().Value(name).norm().item<double>() / norm.get<double>(),
        1, 1e-4)
        << name;
  }
}

TEST_P(TrainingGoldenTest, GradientsDoNotDependOnTheSplit) {
  TrainingRun whole(golden_), two(golden_), unpacked(golden_);
  const nlohmann::json& step = golden_["steps"][0];

  const StepOutput sum = whole.Accumulate(step, Split::kWhole);
  const StepOutput sum_two = two.Accumulate(step, Split::kTwo);
  const StepOutput sum_unpacked = unpacked.Accumulate(step, Split::kUnpacked);

  EXPECT_NEAR(sum_two.loss_sum / sum.loss_sum, 1, 1e-6);
  EXPECT_NEAR(sum_unpacked.loss_sum / sum.loss_sum, 1, 1e-6);
  for (const Parameter& parameter : whole.parameters().list()) {
    const at::Tensor expected = whole.parameters().Gradient(parameter.name);
    for (TrainingRun* run : {&two, &unpacked}) {
      EXPECT_LT(
          RelativeError(run->parameters().Gradient(parameter.name), expected),
          1e-6)
          << parameter.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TrainingGoldenTest,
                         testing::Values("tiny-llama.lora", "tiny-llama.full",
                                         "tiny-qwen2.lora", "tiny-qwen2.full",
                                         "tiny-llama.lora-r80"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace lockstep
