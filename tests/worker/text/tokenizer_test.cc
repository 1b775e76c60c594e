#include "worker/text/tokenizer.h"

#include <string>
#include <thread>
#include <vector>

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

Tokenizer LlamaTokenizer() {
  auto tokenizer =
      Tokenizer::FromFile(FixturePath("models/tiny-llama/tokenizer.json"));
  EXPECT_THAT(tokenizer, IsOk());
  return *std::move(tokenizer);
}

TEST(TokenizerTest, AddsWhatThePostProcessorAddsOnlyWhenAsked) {
  const Tokenizer tokenizer = LlamaTokenizer();

  const auto plain =
      tokenizer.Encode("What is 2 plus 3?", SpecialTokens::kNone);
  const auto special =
      tokenizer.Encode("What is 2 plus 3?", SpecialTokens::kAdd);

  ASSERT_THAT(plain, IsOk());
  ASSERT_THAT(special, IsOk());
  std::vector<int32_t> with_bos = {0};
  with_bos.insert(with_bos.end(), plain->ids.begin(), plain->ids.end());
  EXPECT_EQ(special->ids, with_bos);
  EXPECT_EQ(special->offsets.front(), (ByteSpan{0, 0}));
}

TEST(TokenizerTest, OffsetsAreBytesOfTheText) {
  const Tokenizer tokenizer = LlamaTokenizer();
  const std::string text = "Zürich ist schön";

  const auto encoding = tokenizer.Encode(text, SpecialTokens::kNone);

  ASSERT_THAT(encoding, IsOk());
  ASSERT_EQ(encoding->ids.size(), encoding->offsets.size());
  EXPECT_EQ(encoding->offsets.front().begin, 0);
  EXPECT_EQ(encoding->offsets.back().end, static_cast<int64_t>(text.size()));
}

TEST(TokenizerTest, LooksUpTokensBothWays) {
  const Tokenizer tokenizer = LlamaTokenizer();

  const auto id = tokenizer.TokenToId("<|eot_id|>");

  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(tokenizer.IdToToken(*id), "<|eot_id|>");
  EXPECT_EQ(tokenizer.TokenToId("no such token"), std::nullopt);
  EXPECT_EQ(tokenizer.IdToToken(1 << 20), std::nullopt);
  EXPECT_EQ(tokenizer.vocab_size(), 320);
}

TEST(TokenizerTest, EncodesOnSeveralThreadsAtOnce) {
  const Tokenizer tokenizer = LlamaTokenizer();
  const auto expected = tokenizer.Encode("one two three", SpecialTokens::kAdd);
  ASSERT_THAT(expected, IsOk());

  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const auto got = tokenizer.Encode("one two three", SpecialTokens::kAdd);
        ASSERT_THAT(got, IsOk());
        EXPECT_EQ(got->ids, expected->ids);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TokenizerTest, NamesTheFileThatIsMissingOrIsNoTokenizer) {
  const ScopedTempDir dir;
  WriteFile(dir.Path("bad.json"), "{\"model\": {\"type\": \"BPE\"");

  EXPECT_THAT(Tokenizer::FromFile(dir.Path("none.json")),
              IsError(absl::StatusCode::kNotFound, dir.Path("none.json")));
  EXPECT_THAT(Tokenizer::FromFile(dir.Path("bad.json")),
              IsInvalid(dir.Path("bad.json")));
  EXPECT_THAT(Tokenizer::FromFile(dir.path()),
              IsInvalid("is not a regular file"));
}

TEST(TokenizerTest, RefusesTextThatIsTooLongOrNotUtf8) {
  const Tokenizer tokenizer = LlamaTokenizer();
  const std::string longer(Tokenizer::kMaxTextBytes + 1, 'a');

  EXPECT_THAT(tokenizer.Encode(longer, SpecialTokens::kNone),
              IsInvalid("at most 1048576"));
  EXPECT_THAT(tokenizer.Encode("ab\xff", SpecialTokens::kNone),
              IsInvalid("is not UTF-8 at byte 2"));
}

// Some of these panic inside the library; none may end the process.
TEST(TokenizerTest, DamagedFilesAreErrorsOrStillTokenizers) {
  const std::string whole =
      ReadFile(FixturePath("models/tiny-llama/tokenizer.json"));
  for (size_t i = 0; i < 120; ++i) {
    std::string damaged = whole;
    const size_t at = i * whole.size() / 120;
    switch (i % 3) {
      case 0:
        damaged.resize(at);
        break;
      case 1:
        damaged.erase(at, 40);
        break;
      default:
        damaged[at] = "0\"}]x"[i % 5];
    }
    const auto tokenizer = Tokenizer::FromJson(damaged);
    if (tokenizer.ok()) {
      (void)tokenizer->Encode("What is 2 plus 3?", SpecialTokens::kAdd);
    } else {
      EXPECT_THAT(tokenizer, IsInvalid(""));
    }
  }
}

}  // namespace
}  // namespace lockstep
