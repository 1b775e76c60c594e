// Logits and losses, against Transformers and PEFT; and of a real pretrained
// model.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/worker/model/golden.h"
#include "tests/worker/model/random_model.h"

namespace lockstep {
namespace {

constexpr double kTolerance = 1e-4;

class ForwardGoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(ForwardGoldenTest, LogitsAndLossAreThoseOfTransformers) {
  const nlohmann::json golden = ReadJson(
      TestDataPath("golden/" + std::string(GetParam()) + ".forward.json"));
  auto weights = OpenGoldenModel(golden);
  auto transformer = MakeTransformer(*weights);
  const std::vector<Document> documents = ToDocuments(golden["documents"]);

  // Packed into one batch; the golden ran each document by itself.
  const Batch batch(documents);
  const auto logits = transformer->Logits(batch.view());
  const auto loss = transformer->Evaluate(batch.view());

  ASSERT_TRUE(logits.ok() && loss.ok());
  EXPECT_EQ(loss->trained_tokens, golden["trained_tokens"]);
  EXPECT_NEAR(loss->loss_sum / golden["loss_sum_float64"].get<double>(), 1,
              kTolerance);
  const SafetensorsFile expected =
      OpenTensors(TestDataPath(golden["logits_file"].get<std::string>()));
  int64_t begin = 0;
  for (size_t i = 0; i < documents.size(); ++i) {
    const int64_t length = static_cast<int64_t>(documents[i].ids.size());
    EXPECT_LT(
        RelativeError(logits->narrow(0, begin, length),
                      ReadTensor(expected, "logits." + std::to_string(i))),
        kTolerance)
        << "document " << i;
    begin += length;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ForwardGoldenTest,
                         testing::Values("tiny-llama", "tiny-llama-r8",
                                         "tiny-qwen2", "tiny-qwen2-r8-rs"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

// NumPy's format 1.0: magic, header length, a Python dict padded to a newline,
// then the rows; this file's are float32.
at::Tensor ReadNpy(const std::string& path, int64_t rows, int64_t columns) {
  std::ifstream file(path, std::ios::binary);
  unsigned char lead[10] = {};
  file.read(reinterpret_cast<char*>(lead), sizeof(lead));
  file.ignore(lead[8] + 256 * lead[9]);
  at::Tensor tensor = at::empty({rows, columns}, at::kFloat);
  file.read(static_cast<char*>(tensor.data_ptr()),
            static_cast<std::streamsize>(tensor.nbytes()));
  EXPECT_TRUE(file.good()) << path;
  return tensor;
}

TEST(Stories260KTest, LogitsAndLossesAreThoseOfTheGolden) {
  const char* data = std::getenv("LOCKSTEP_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "LOCKSTEP_TEST_DATA is not set";
  const std::string base = data;
  const std::string golden_path = base + "/golden/model-forward/stories260K-hf";
  auto weights = OpenModel(base + "/models/stories260K-hf");
  auto transformer = MakeTransformer(*weights);
  size_t number = 0;

  const nlohmann::json golden = ReadJson(golden_path + ".json");
  for (const nlohmann::json& one : golden["cases"]) {
    SCOPED_TRACE(one["text"].get<std::string>());
    Document document{.ids = one["ids"].get<std::vector<int32_t>>(),
                      .trained = {}};
    document.trained.assign(document.ids.size(), 1);
    const Batch batch({document});
    const int64_t tokens = batch.view().tokens();

    const at::Tensor logits = *transformer->Logits(batch.view());
    const StepOutput loss = *transformer->Evaluate(batch.view());

    const double mean = one["mean_nll"];
    EXPECT_NEAR(loss.loss_sum / static_cast<double>(loss.trained_tokens), mean,
                kTolerance * mean);
    for (const nlohmann::json& top : one["last_logits_top10"]) {
      const double expected = top[1];
      EXPECT_NEAR(logits[tokens - 1][top[0].get<int64_t>()].item<double>(),
                  expected, kTolerance * std::abs(expected));
    }
    if (number++ == 1) {
      EXPECT_LT(
          RelativeError(logits, ReadNpy(golden_path + ".logits.prompt1.npy",
                                        tokens, logits.size(1))),
          kTolerance);
    }
  }
  EXPECT_GT(number, 1u);
}

}  // namespace
}  // namespace lockstep
