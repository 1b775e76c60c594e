// Our fixtures' conversations, as Transformers renders, tokenises and masks
// them: by the template's marks (Llama) and by prefix (Qwen2).

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/worker/data/text_model.h"
#include "worker/data/dataset.h"

namespace lockstep {
namespace {

using testing::FixturePath;
using testing::IsOk;
using testing::ReadJson;
using testing::TextModel;

class ChatGoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ChatGoldenTest, AgreesOnIdsAndOnWhatIsLearned) {
  const auto golden =
      ReadJson(FixturePath("golden/" + std::string(GetParam())));
  const TextModel model(FixturePath(golden["model"].get<std::string>()));
  const RowTokenizer rows = model.Rows();
  auto reader =
      DatasetReader::Open(FixturePath(golden["data"].get<std::string>()));
  ASSERT_THAT(reader, IsOk());

  EXPECT_EQ(rows.MaskSource(v1::DataSource::FORMAT_MESSAGES),
            golden["mask"].get<std::string>());
  EXPECT_EQ(golden["rows"].size(), 28u);
  for (const auto& expected : golden["rows"]) {
    const auto row = reader->Next();
    ASSERT_THAT(row, IsOk());
    ASSERT_TRUE(row->has_value());
    const auto document =
        rows.Tokenize(v1::DataSource::FORMAT_MESSAGES, (*row)->values);
    ASSERT_THAT(document, IsOk());
    EXPECT_EQ(document->ids, expected["input_ids"].get<std::vector<int32_t>>());
    EXPECT_EQ(document->trained,
              expected["trained"].get<std::vector<uint8_t>>())
        << expected["text"];
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, ChatGoldenTest,
                         ::testing::Values("tiny-llama.chat.json",
                                           "tiny-qwen2.chat.json"));

}  // namespace
}  // namespace lockstep
