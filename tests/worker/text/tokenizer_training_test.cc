#include "worker/text/tokenizer_training.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/text/text_testing.h"
#include "worker/text/chat_template.h"
#include "worker/text/tokenizer_folder.h"

namespace lockstep {
namespace {

using testing::FixturePath;
using testing::IsError;
using testing::IsInvalid;
using testing::IsOk;
using testing::ReadFile;
using testing::ScopedTempDir;
using testing::WriteFile;

TokenizerTrainingOptions Options(const ScopedTempDir& dir) {
  return {{FixturePath("data/text.jsonl"), FixturePath("README.md")},
          400,
          dir.Path("out")};
}

TEST(TokenizerTrainingTest, MakesAFolderThatLoadsAndRoundTrips) {
  const ScopedTempDir dir;

  const auto trained = TrainTokenizerFolder(Options(dir));

  ASSERT_THAT(trained, IsOk());
  EXPECT_EQ(trained->vocab_size, 400);
  const auto folder = LoadTokenizerFolder(dir.Path("out"));
  ASSERT_THAT(folder, IsOk());
  EXPECT_EQ(folder->tokenizer.TokenToId(kEndOfText), 0);
  EXPECT_EQ(folder->tokenizer.TokenToId(kTurnStart), 1);
  EXPECT_EQ(folder->tokenizer.TokenToId(kTurnEnd), 2);
  EXPECT_EQ(folder->eos_id, 0);
  const std::string text = " Zürich, 東京\n\tand\x01 <|im_end|> more";
  const auto encoding = folder->tokenizer.Encode(text, SpecialTokens::kNone);
  ASSERT_THAT(encoding, IsOk());
  const auto decoded = folder->tokenizer.Decode(encoding->ids, false);
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, text);
}

TEST(TokenizerTrainingTest, TheTemplateMarksWhatTheAssistantSays) {
  const ScopedTempDir dir;
  ASSERT_THAT(TrainTokenizerFolder(Options(dir)), IsOk());
  const auto folder = LoadTokenizerFolder(dir.Path("out"));
  ASSERT_THAT(folder, IsOk());
  const auto chat_template = ChatTemplate::Compile(*folder->chat_template);
  ASSERT_THAT(chat_template, IsOk());

  const auto rendered = chat_template->Render(
      R"({"messages": [{"role": "user", "content": "hi"},
                       {"role": "assistant", "content": "yes"}]})",
      absl::UnixEpoch());

  ASSERT_THAT(rendered, IsOk());
  EXPECT_EQ(rendered->text,
            "<|im_start|>user\nhi<|im_end|>\n"
            "<|im_start|>assistant\nyes<|im_end|>\n");
  ASSERT_EQ(rendered->generated.size(), 1u);
  const ByteSpan span = rendered->generated[0];
  EXPECT_EQ(rendered->text.substr(span.begin, span.end - span.begin),
            "yes<|im_end|>");
}

TEST(TokenizerTrainingTest, TheSameTextsGiveTheSameBytes) {
  std::vector<std::string> texts;
  texts.reserve(2000);
  for (int i = 0; i < 2000; ++i) {
    texts.push_back("row " + std::to_string(i * i) + " of the same words");
  }

  const auto first = TrainByteLevelBpe(texts, 500);
  const auto second = TrainByteLevelBpe(texts, 500);

  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(*first, *second);
}

TEST(TokenizerTrainingTest, TextsWithFewPairsGiveASmallerVocabulary) {
  const ScopedTempDir dir;
  WriteFile(dir.Path("few.txt"), "a b a b\n");

  const auto trained =
      TrainTokenizerFolder({{dir.Path("few.txt")}, 5000, dir.Path("out")});

  ASSERT_THAT(trained, IsOk());
  EXPECT_GE(trained->vocab_size, 259);
  EXPECT_LT(trained->vocab_size, 270);
  EXPECT_EQ(trained->texts, 1);
}

TEST(TokenizerTrainingTest, TransformersLoadsTheFolder) {
  const char* python = std::getenv("LOCKSTEP_ORACLE_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "LOCKSTEP_ORACLE_PYTHON is not set";
  const ScopedTempDir dir;
  ASSERT_THAT(TrainTokenizerFolder(Options(dir)), IsOk());
  const auto folder = LoadTokenizerFolder(dir.Path("out"));
  ASSERT_THAT(folder, IsOk());
  const auto expected =
      folder->tokenizer.Encode("What is 2 plus 3?", SpecialTokens::kNone);
  ASSERT_THAT(expected, IsOk());
  WriteFile(dir.Path("check.py"),
            "import sys, transformers\n"
            "t = transformers.AutoTokenizer.from_pretrained(sys.argv[1])\n"
            "m = [{'role': 'assistant', 'content': 'x'}]\n"
            "r = t.apply_chat_template(m, tokenize=True, return_dict=True,\n"
            "                          return_assistant_tokens_mask=True)\n"
            "assert 1 in r['assistant_masks'], r\n"
            "assert t.eos_token == '<|endoftext|>', t\n"
            "print(*t('What is 2 plus 3?')['input_ids'], sep=',')\n");

  const std::string command = std::string("HF_HUB_OFFLINE=1 ") + python + " " +
                              dir.Path("check.py") + " " + dir.Path("out") +
                              " > " + dir.Path("ids");
  ASSERT_EQ(std::system(command.c_str()), 0);

  std::string ids;
  for (const int32_t id : expected->ids) {
    ids += (ids.empty() ? "" : ",") + std::to_string(id);
  }
  EXPECT_EQ(ReadFile(dir.Path("ids")), ids + "\n");
}

TEST(TokenizerTrainingTest, RefusesWhatItCannotTrain) {
  const ScopedTempDir dir;
  WriteFile(dir.Path("bad.jsonl"), "{\"text\": \"a\"}\n{\"other\": 1}\n");
  WriteFile(dir.Path("empty.txt"), "\n \n");

  const auto train = [&](const std::string& file, int64_t vocab_size) {
    return TrainTokenizerFolder(
        {{dir.Path(file)}, vocab_size, dir.Path("out")});
  };

  EXPECT_THAT(train("bad.jsonl", 300),
              IsInvalid(dir.Path("bad.jsonl") + ":2: "));
  EXPECT_THAT(train("empty.txt", 300), IsInvalid("no text"));
  EXPECT_THAT(train("none.txt", 300),
              IsError(absl::StatusCode::kNotFound, "none.txt"));
  EXPECT_THAT(TrainByteLevelBpe({"a"}, 258), IsInvalid("[259, 1048576]"));
  EXPECT_THAT(TrainByteLevelBpe({"a"}, 1 << 21), IsInvalid("vocab_size"));
}

TEST(TokenizerTrainingTest, NamesTheOutputFolderThatCannotBeMade) {
  const ScopedTempDir dir;
  WriteFile(dir.Path("file"), "text text\n");

  EXPECT_THAT(
      TrainTokenizerFolder({{dir.Path("file")}, 300, dir.Path("file/inside")}),
      IsInvalid(dir.Path("file/inside")));
}

}  // namespace
}  // namespace lockstep
