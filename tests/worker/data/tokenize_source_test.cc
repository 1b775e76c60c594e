#include "worker/data/tokenize_source.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/data/text_model.h"

namespace lockstep {
namespace {

using testing::FixturePath;
using testing::IsError;
using testing::IsInvalid;
using testing::IsOk;
using testing::ScopedTempDir;
using testing::TextModel;
using testing::WriteFile;

class TokenizeSourceTest : public ::testing::Test {
 protected:
  TokenizeSourceTest() {
    data_.set_max_length(64);
    data_.set_truncation(v1::DataSpec::TRUNCATION_KEEP_START);
    source_.set_path(dir_.Path("rows.jsonl"));
  }

  absl::StatusOr<TokenizedSource> Read(const std::string& content,
                                       int threads = 1) {
    WriteFile(source_.path(), content);
    return TokenizeSource(source_, data_, model_.Rows(), threads);
  }

  ScopedTempDir dir_;
  const TextModel model_{FixturePath("models/tiny-llama")};
  v1::DataSource source_;
  v1::DataSpec data_;
};

// About 30 tokens.
constexpr char kLong[] =
    R"({"prompt": "What is 2 plus 3? And what is 4 plus 5?", "completion": "x"})";

TEST_F(TokenizeSourceTest, CountsWhatItReads) {
  const auto result = Read(
      "{\"prompt\": \"a\", \"completion\": \"b\"}\n\n"
      "{\"prompt\": \"\", \"completion\": \"c\"}\n");

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->data_format, "prompt_completion");
  EXPECT_EQ(result->mask_source, "completion");
  EXPECT_EQ(result->rows, 2);
  EXPECT_EQ(result->lines, (std::vector<int64_t>{1, 3}));
  // BOS a b EOS, BOS c EOS.
  EXPECT_EQ(result->tokens, 7);
  EXPECT_EQ(result->trained_tokens, 4);
  EXPECT_EQ(result->truncated_rows, 0);
  EXPECT_EQ(result->dropped_rows, 0);
}

TEST_F(TokenizeSourceTest, ReadsTheFixturesArrayThroughColumns) {
  source_.set_path(FixturePath("data/array.json"));
  (*source_.mutable_columns())["prompt"] = "question";
  (*source_.mutable_columns())["completion"] = "answer";

  const auto result = TokenizeSource(source_, data_, model_.Rows());

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->rows, 28);
  EXPECT_EQ(result->lines.front(), 2);
}

TEST_F(TokenizeSourceTest, DoesNotDependOnTheNumberOfThreads) {
  std::string content;
  for (int i = 0; i < 700; ++i) {
    absl::StrAppend(&content, "{\"text\": \"", i, " plus ", i, "\"}\n");
  }
  const auto one = Read(content, 1);
  const auto three = Read(content, 3);

  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(three, IsOk());
  ASSERT_EQ(one->documents.size(), 700u);
  EXPECT_EQ(one->lines, three->lines);
  for (size_t i = 0; i < 700; ++i) {
    ASSERT_EQ(one->documents[i].ids, three->documents[i].ids);
  }
}

TEST_F(TokenizeSourceTest, CutsLongRowsAtTheEnd) {
  data_.set_max_length(8);

  const auto result = Read(R"({"text": "What is 2 plus 3? It is 5."})");

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->documents[0].ids.size(), 8u);
  EXPECT_EQ(result->tokens, 8);
  EXPECT_EQ(result->trained_tokens, 7);
  EXPECT_EQ(result->truncated_rows, 1);
}

TEST_F(TokenizeSourceTest, DropsLongRowsWhenAsked) {
  data_.set_max_length(8);
  data_.set_truncation(v1::DataSpec::TRUNCATION_DROP);

  const auto result =
      Read(absl::StrCat(kLong, "\n{\"prompt\": \"a\", \"completion\": \"b\"}"));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->rows, 2);
  EXPECT_EQ(result->dropped_rows, 1);
  EXPECT_EQ(result->lines, (std::vector<int64_t>{2}));
}

TEST_F(TokenizeSourceTest, NamesTheLongRowWhenThatIsAnError) {
  data_.set_max_length(8);
  data_.set_truncation(v1::DataSpec::TRUNCATION_ERROR);

  EXPECT_THAT(Read(absl::StrCat("\n", kLong)),
              IsInvalid("rows.jsonl:2: the row has "));
}

TEST_F(TokenizeSourceTest, NamesTheRowWithoutATrainedToken) {
  EXPECT_THAT(
      Read("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"},"
           "{\"role\": \"assistant\", \"content\": \"b\"}]}\n"
           "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n"),
      IsInvalid("rows.jsonl:2: the row has no trained token"));

  data_.set_max_length(8);
  EXPECT_THAT(Read(kLong),
              IsInvalid("rows.jsonl:1: the row has no trained token within "
                        "data.max_length 8"));
}

TEST_F(TokenizeSourceTest, NamesTheFirstBadRowOfTheFile) {
  source_.set_format(v1::DataSource::FORMAT_TEXT);

  EXPECT_THAT(Read("{\"text\": \"a\"}\n{\"text\": 3}\nnot json\n", 2),
              IsInvalid("rows.jsonl:2: \"text\" is a number"));
  EXPECT_THAT(Read("{\"text\": \"a\"}\nnot json\n{\"text\": 3}\n", 2),
              IsInvalid("rows.jsonl:2: the row is not JSON"));
}

TEST_F(TokenizeSourceTest, NamesTheRowWithADocumentThatIsTooLong) {
  EXPECT_THAT(Read("{\"text\": \"" + std::string((1 << 20) + 1, ' ') + "\"}"),
              IsInvalid("rows.jsonl:1: a text of 1048577 bytes"));
}

TEST_F(TokenizeSourceTest, RefusesAFileInWhichNoRowIsLeft) {
  source_.set_format(v1::DataSource::FORMAT_TEXT);
  EXPECT_THAT(Read(""), IsInvalid("rows.jsonl: no row is left: 0 read"));

  data_.set_max_length(2);
  data_.set_truncation(v1::DataSpec::TRUNCATION_DROP);
  EXPECT_THAT(Read("{\"text\": \"What is 2 plus 3?\"}"),
              IsInvalid("1 read, 1 longer than data.max_length 2"));
}

TEST_F(TokenizeSourceTest, SaysThatAFileIsMissing) {
  EXPECT_THAT(TokenizeSource(source_, data_, model_.Rows()),
              IsError(absl::StatusCode::kNotFound, source_.path()));
}

}  // namespace
}  // namespace lockstep
