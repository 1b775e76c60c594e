// A real dataset with a real tokenizer: GSM8K, question -> prompt, answer ->
// completion, as the pretrained stories260K sees it.

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/worker/data/text_model.h"
#include "worker/data/tokenize_source.h"

namespace lockstep {
namespace {

using testing::IsOk;
using testing::ReadFile;
using testing::TestDataDir;
using testing::TextModel;

TEST(Gsm8kTest, EveryRowLearnsItsAnswer) {
  if (TestDataDir().empty()) GTEST_SKIP() << "LOCKSTEP_TEST_DATA is not set";
  const TextModel model(TestDataDir() + "/models/stories260K-hf");
  v1::DataSource source;
  source.set_path(TestDataDir() + "/datasets/gsm8k/test.jsonl");
  (*source.mutable_columns())["prompt"] = "question";
  (*source.mutable_columns())["completion"] = "answer";
  v1::DataSpec data;
  data.set_max_length(4096);

  const auto result = TokenizeSource(source, data, model.Rows(), 2);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->rows, 1319);
  EXPECT_EQ(result->truncated_rows, 0);
  const std::string file = ReadFile(source.path());
  size_t begin = 0;
  for (const Document& document : result->documents) {
    const size_t end = file.find('\n', begin);
    const auto row = nlohmann::json::parse(file.substr(begin, end - begin));
    begin = end + 1;
    const auto question = row["question"].get<std::string>();
    const auto answer = row["answer"].get<std::string>();
    EXPECT_EQ(document.ids.front(), 1);
    EXPECT_EQ(document.ids.back(), *model.eos_id());
    EXPECT_EQ(model.Text(document),
              absl::StrCat("<s> ", question, answer, "</s>"));
    // The first token may hold the end of the question too.
    const std::string learned = model.Learned(document);
    EXPECT_NE(learned.find(answer + "</s>"), std::string::npos) << learned;
    EXPECT_LE(learned.size(), answer.size() + 16);
  }
}

}  // namespace
}  // namespace lockstep
