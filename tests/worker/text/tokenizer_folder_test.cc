#include "worker/text/tokenizer_folder.h"

#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/text/text_testing.h"

namespace lockstep {
namespace {

using testing::FixturePath;
using testing::IsError;
using testing::IsInvalid;
using testing::IsOk;
using testing::ReadFile;
using testing::ScopedTempDir;
using testing::WriteFile;

// A folder with a tokenizer.json and nothing else.
class TokenizerFolderTest : public ::testing::Test {
 protected:
  TokenizerFolderTest() {
    std::filesystem::copy_file(FixturePath("models/tiny-llama/tokenizer.json"),
                               dir_.Path("tokenizer.json"));
  }
  ScopedTempDir dir_;
};

TEST_F(TokenizerFolderTest, ReadsTheFixtures) {
  const auto llama = LoadTokenizerFolder(FixturePath("models/tiny-llama"));
  const auto qwen = LoadTokenizerFolder(FixturePath("models/tiny-qwen2"));

  ASSERT_THAT(llama, IsOk());
  EXPECT_EQ(llama->special_tokens.at("bos_token"), "<|begin_of_text|>");
  EXPECT_EQ(llama->eos_id, llama->tokenizer.TokenToId("<|eot_id|>"));
  EXPECT_TRUE(llama->chat_template->find("{%- generation %}") !=
              std::string::npos);
  ASSERT_THAT(qwen, IsOk());
  EXPECT_FALSE(qwen->special_tokens.contains("bos_token"));
  EXPECT_EQ(*qwen->chat_template,
            ReadFile(FixturePath("models/tiny-qwen2/chat_template.jinja")));
}

TEST_F(TokenizerFolderTest, NeedsNoMoreThanTheTokenizer) {
  const auto folder = LoadTokenizerFolder(dir_.path());

  ASSERT_THAT(folder, IsOk());
  EXPECT_TRUE(folder->special_tokens.empty());
  EXPECT_EQ(folder->eos_id, std::nullopt);
  EXPECT_EQ(folder->chat_template, std::nullopt);
}

TEST_F(TokenizerFolderTest, TakesTokensAsStringsAndAsObjects) {
  WriteFile(dir_.Path("tokenizer_config.json"),
            R"({"bos_token": {"content": "<b>", "lstrip": false},
                "eos_token": "<|eot_id|>", "pad_token": null})");
  WriteFile(dir_.Path("special_tokens_map.json"),
            R"({"eos_token": "</s>", "unk_token": "<unk>"})");

  const auto folder = LoadTokenizerFolder(dir_.path());

  ASSERT_THAT(folder, IsOk());
  EXPECT_EQ(folder->special_tokens,
            (std::map<std::string, std::string>{{"bos_token", "<b>"},
                                                {"eos_token", "<|eot_id|>"},
                                                {"unk_token", "<unk>"}}));
}

TEST_F(TokenizerFolderTest, TakesTheDefaultOfNamedTemplates) {
  WriteFile(dir_.Path("tokenizer_config.json"),
            R"({"chat_template": [{"name": "tool_use", "template": "a"},
                                  {"name": "default", "template": "b"}]})");

  const auto folder = LoadTokenizerFolder(dir_.path());

  ASSERT_THAT(folder, IsOk());
  EXPECT_EQ(folder->chat_template, "b");
}

TEST_F(TokenizerFolderTest, TheTemplateFileWinsOverTheConfig) {
  WriteFile(dir_.Path("tokenizer_config.json"), R"({"chat_template": "a"})");
  WriteFile(dir_.Path("chat_template.jinja"), "b");

  const auto folder = LoadTokenizerFolder(dir_.path());

  ASSERT_THAT(folder, IsOk());
  EXPECT_EQ(folder->chat_template, "b");
}

TEST_F(TokenizerFolderTest, NamesTheFileThatIsWrong) {
  const ScopedTempDir empty;
  EXPECT_THAT(LoadTokenizerFolder(empty.path()),
              IsError(absl::StatusCode::kNotFound, "tokenizer.json"));

  WriteFile(dir_.Path("tokenizer_config.json"), R"({"chat_template": 3})");
  EXPECT_THAT(LoadTokenizerFolder(dir_.path()),
              IsInvalid("tokenizer_config.json: chat_template is neither"));

  WriteFile(dir_.Path("tokenizer_config.json"), "[1]");
  EXPECT_THAT(LoadTokenizerFolder(dir_.path()),
              IsInvalid("tokenizer_config.json: is not a JSON object"));
}

}  // namespace
}  // namespace lockstep
