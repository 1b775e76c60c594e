// Real tokenizers against what Hugging Face's library says of 150 strings.

#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/worker/text/text_testing.h"
#include "worker/text/tokenizer.h"

namespace lockstep {
namespace {

using testing::IsOk;
using testing::ReadJson;
using testing::TestDataDir;

using Json = nlohmann::ordered_json;

class TokenizerGoldenTest : public ::testing::TestWithParam<const char*> {};

std::vector<int32_t> Ids(const Json& array) {
  return array.get<std::vector<int32_t>>();
}

void CheckCase(const Tokenizer& tokenizer, const std::string& text,
               const Json& golden) {
  const auto plain = tokenizer.Encode(text, SpecialTokens::kNone);
  ASSERT_THAT(plain, IsOk());
  EXPECT_EQ(plain->ids, Ids(golden["ids"])) << text;

  const auto special = tokenizer.Encode(text, SpecialTokens::kAdd);
  ASSERT_THAT(special, IsOk());
  EXPECT_EQ(special->ids, Ids(golden.value("ids_special", golden["ids"])))
      << text;

  const auto decoded = tokenizer.Decode(plain->ids, false);
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, golden.value("decoded", text));
  const auto skipped = tokenizer.Decode(plain->ids, true);
  ASSERT_THAT(skipped, IsOk());
  EXPECT_EQ(*skipped, golden.value("decoded_skip_special", *decoded));
}

TEST_P(TokenizerGoldenTest, AgreesOnIdsAndDecodedText) {
  const std::string dir = TestDataDir();
  if (dir.empty()) GTEST_SKIP() << "LOCKSTEP_TEST_DATA is not set";
  const Json strings = ReadJson(dir + "/golden/hf-rust/strings.json");
  const Json golden =
      ReadJson(dir + "/golden/hf-rust/" + GetParam() + std::string(".json"));
  const auto tokenizer =
      Tokenizer::FromFile(dir + "/" + golden["tokenizer"].get<std::string>());
  ASSERT_THAT(tokenizer, IsOk());

  ASSERT_EQ(golden["cases"].size(), 150u);
  for (size_t i = 0; i < golden["cases"].size(); ++i) {
    CheckCase(*tokenizer, strings[i].get<std::string>(), golden["cases"][i]);
  }
}

INSTANTIATE_TEST_SUITE_P(RealTokenizers, TokenizerGoldenTest,
                         ::testing::Values("gpt2", "minimind", "phi-3-mini",
                                           "qwen3", "stories260K"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{"-", "_"}});
                         });

}  // namespace
}  // namespace lockstep
