#include "worker/data/row_format.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/text/text_testing.h"

namespace lockstep {
namespace {

using testing::IsInvalid;
using testing::IsOk;
using testing::ScopedTempDir;
using testing::WriteFile;

absl::StatusOr<v1::DataSource::Format> FormatOf(const std::string& row) {
  return FormatOfRow(nlohmann::ordered_json::parse(row));
}

TEST(RowFormatTest, IsToldFromTheKeys) {
  EXPECT_EQ(*FormatOf(R"({"messages": [], "tools": []})"),
            v1::DataSource::FORMAT_MESSAGES);
  EXPECT_EQ(*FormatOf(R"({"id": 1, "completion": "", "prompt": ""})"),
            v1::DataSource::FORMAT_PROMPT_COMPLETION);
  EXPECT_EQ(*FormatOf(R"({"text": ""})"), v1::DataSource::FORMAT_TEXT);
}

TEST(RowFormatTest, RefusesKeysThatFitNoneOrSeveralOrAreNotBuilt) {
  EXPECT_THAT(FormatOf(R"({"question": "", "answer": ""})"),
              IsInvalid("keys question, answer fit no format"));
  EXPECT_THAT(FormatOf(R"({"text": "", "messages": []})"),
              IsInvalid("fit both messages and text"));
  EXPECT_THAT(FormatOf(R"({"instruction": "", "output": ""})"),
              IsInvalid("mean format alpaca, which is not built"));
  EXPECT_THAT(FormatOf(R"({"conversations": []})"), IsInvalid("sharegpt"));
  EXPECT_THAT(FormatOf(R"({"input_ids": []})"), IsInvalid("tokens"));
}

class DetectFormatTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::DataSource::Format> Detect(const std::string& content,
                                                const ColumnMap& columns = {}) {
    WriteFile(dir_.Path("rows.jsonl"), content);
    return DetectFormat(dir_.Path("rows.jsonl"), columns);
  }
  ScopedTempDir dir_;
};

TEST_F(DetectFormatTest, LooksThroughTheColumnMap) {
  const auto format = Detect("{\"q\": \"\", \"a\": \"\"}\n",
                             {{"prompt", "q"}, {"completion", "a"}});
  ASSERT_THAT(format, IsOk());
  EXPECT_EQ(*format, v1::DataSource::FORMAT_PROMPT_COMPLETION);
}

TEST_F(DetectFormatTest, ShowsBothRowsThatDiffer) {
  EXPECT_THAT(
      Detect("{\"text\": \"\"}\n{\"text\": \"\"}\n{\"messages\": []}\n"),
      IsInvalid("rows.jsonl:3: keys messages mean messages, but line 1 has "
                "text: text"));
}

TEST_F(DetectFormatTest, RefusesAFileWithoutRows) {
  EXPECT_THAT(Detect("\n"), IsInvalid("rows.jsonl: holds no row"));
}

TEST_F(DetectFormatTest, NamesTheRowWithOtherKeys) {
  EXPECT_THAT(Detect("{\"text\": \"\"}\n{\"body\": \"\"}\n"),
              IsInvalid("rows.jsonl:2: keys body fit no format"));
}

}  // namespace
}  // namespace lockstep
