// The whole training path against Transformers and PEFT: five committed runs,
// both families, LoRA and full, however a step is split.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/worker/train/training_fixture.h"

namespace lockstep::testing {
namespace {

// A golden step has at most 10 documents; 12 are dealt in many ways.
constexpr int kSlots = 12;

// The golden's run, `steps` of it.
void Configure(TrainingFixture& fixture, const nlohmann::json& golden,
               int64_t steps, int ranks, int accumulation) {
  v1::JobSpec& spec = fixture.spec();
  if (golden.at("lora").is_null()) {
    spec.mutable_method()->mutable_full();
    spec.mutable_method()->clear_lora();
  } else {
    const nlohmann::json& from = golden.at("lora");
    v1::LoraSpec& lora = *spec.mutable_method()->mutable_lora();
    lora.set_r(from.at("r"));
    lora.set_alpha(from.at("lora_alpha"));
    lora.set_use_rslora(from.at("use_rslora"));
    for (const std::string module : from.at("target_modules")) {
      lora.add_target_modules(module);
    }
    spec.mutable_model()->set_adapter(TestDataPath(golden.at("adapter")));
  }
  const nlohmann::json& optimizer = golden.at("optimizer");
  v1::TrainSpec& train = *spec.mutable_train();
  train.set_learning_rate(optimizer.at("learning_rate"));
  train.set_weight_decay(optimizer.at("weight_decay"));
  train.set_max_grad_norm(optimizer.at("max_grad_norm"));
  train.set_warmup_steps(golden.at("schedule").at("warmup_steps"));
  fixture.SetData(GoldenDocuments(golden, kSlots));
  fixture.SetSteps(steps, kSlots, ranks, accumulation);
}

class TrainerGoldenTest : public ::testing::TestWithParam<const char*> {
 protected:
  TrainerGoldenTest()
      : golden_(ReadGolden(GetParam())), fixture_(golden_.at("model")) {}

  int64_t steps() const { return golden_.at("steps").size(); }

  // The gradients of step 1, divided, by name.
  std::map<std::string, at::Tensor> FirstGradients(int ranks,
                                                   int accumulation) {
    TrainingFixture fixture(golden_.at("model"));
    Configure(fixture, golden_, /*steps=*/1, ranks, accumulation);
    FakeCoordinator coordinator;
    const std::vector<RankOutcome> outcomes = fixture.MustRun(coordinator);
    const double terms = golden_.at("steps").at(0).at("trained_tokens");
    std::map<std::string, at::Tensor> gradients;
    for (const Parameter& parameter : outcomes[0].parameters) {
      gradients[parameter.name] =
          outcomes[0].Gradient(parameter.name).div(terms);
    }
    first_loss_ = Curve(coordinator, "loss").at(1);
    return gradients;
  }

  const nlohmann::json golden_;
  TrainingFixture fixture_;
  double first_loss_ = 0;
};

TEST_P(TrainerGoldenTest, LossesNormsAndRatesAreThoseOfTransformers) {
  Configure(fixture_, golden_, steps(), /*ranks=*/2, /*accumulation=*/2);
  FakeCoordinator coordinator;

  fixture_.MustRun(coordinator);

  const auto losses = Curve(coordinator, "loss");
  const auto norms = Curve(coordinator, "grad_norm");
  const auto rates = Curve(coordinator, "learning_rate");
  ASSERT_EQ(static_cast<int64_t>(losses.size()), steps());
  for (const nlohmann::json& step : golden_.at("steps")) {
    const int64_t number = step.at("step");
    const double loss = step.at("loss");
    const double norm = step.at("grad_norm");
    EXPECT_NEAR(losses.at(number), loss, 1e-5 * loss) << "step " << number;
    EXPECT_NEAR(norms.at(number), norm, 1e-4 * norm) << "step " << number;
    EXPECT_NEAR(rates.at(number), step.at("learning_rate"), 1e-12);
  }
}

TEST_P(TrainerGoldenTest, FirstGradientsAreThoseOfTransformers) {
  for (const auto& [name, gradient] : FirstGradients(1, 1)) {
    const at::Tensor golden = GoldenTensor(golden_.at("gradients_file"), name,
                                           gradient.sizes().vec());
    EXPECT_LE(RelativeDistance(gradient, golden), 1e-4) << name;
  }
}

TEST_P(TrainerGoldenTest, TheSplitOfAStepDoesNotMatter) {
  const auto accumulated = FirstGradients(/*ranks=*/1, /*accumulation=*/2);
  const double accumulated_loss = first_loss_;

  const auto parallel = FirstGradients(/*ranks=*/2, /*accumulation=*/1);

  EXPECT_NEAR(first_loss_, accumulated_loss, 1e-6 * accumulated_loss);
  for (const auto& [name, gradient] : accumulated) {
    EXPECT_LE(RelativeDistance(parallel.at(name), gradient), 1e-6) << name;
  }
}

TEST_P(TrainerGoldenTest, LastWeightsAreThoseOfTransformers) {
  Configure(fixture_, golden_, steps(), /*ranks=*/1, /*accumulation=*/1);
  FakeCoordinator coordinator;

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator);

  for (const auto& [name, norm] : golden_.at("final_norms").items()) {
    EXPECT_NEAR(outcomes[0].Value(name).norm().item<double>(), norm,
                1e-4 * norm.get<double>())
        << name;
  }
}

TEST_P(TrainerGoldenTest, PackedIsUnpacked) {
  Configure(fixture_, golden_, /*steps=*/1, /*ranks=*/1, /*accumulation=*/1);
  const nlohmann::json& step = golden_.at("steps").at(0);
  std::vector<Document> documents;
  for (const nlohmann::json& bin : step.at("bins")) {
    for (const nlohmann::json& document : bin) {
      documents.push_back(ToDocument(document));
    }
  }
  fixture_.SetData(documents);
  fixture_.spec().mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
  FakeCoordinator coordinator;

  fixture_.MustRun(coordinator);

  EXPECT_NEAR(Curve(coordinator, "loss").at(1), step.at("loss"), 1e-5);
  EXPECT_NEAR(Curve(coordinator, "grad_norm").at(1), step.at("grad_norm"),
              1e-4);
  EXPECT_EQ(Curve(coordinator, "tokens").at(1),
            step.at("input_tokens").get<double>());
}

INSTANTIATE_TEST_SUITE_P(All, TrainerGoldenTest,
                         ::testing::Values("tiny-llama.lora", "tiny-llama.full",
                                           "tiny-qwen2.lora", "tiny-qwen2.full",
                                           "tiny-llama.lora-r80"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) {
                             if (!isalnum(c)) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace lockstep::testing
