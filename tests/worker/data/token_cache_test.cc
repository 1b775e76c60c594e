#include "worker/data/token_cache.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/text/text_testing.h"

namespace lockstep {
namespace {

using testing::IsError;
using testing::IsOk;
using testing::ReadFile;
using testing::ScopedTempDir;
using testing::WriteFile;

const std::string kDigest(64, 'a');

std::vector<Document> Documents() {
  std::vector<Document> documents;
  for (int i = 0; i < 20; ++i) {
    Document document;
    for (int t = 0; t <= i; ++t) {
      document.ids.push_back(i * 1000 + t);
      document.trained.push_back((i + t) % 3 == 0 ? 1 : 0);
    }
    documents.push_back(document);
  }
  return documents;
}

class TokenCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = TokenCacheWriter::Create(dir_.path(), "train", kDigest);
    ASSERT_THAT(writer, IsOk());
    int64_t line = 0;
    for (const Document& document : Documents()) {
      ++line;
      ASSERT_THAT((*writer)->Append(
                      document, {line <= 10 ? "/a.jsonl" : "/b.jsonl", line}),
                  IsOk());
    }
    ASSERT_THAT((*writer)->Finish(), IsOk());
  }

  // Replaces bytes of the file.
  void Damage(size_t at, const std::string& bytes) {
    std::string content = ReadFile(file_);
    content.replace(at, bytes.size(), bytes);
    WriteFile(file_, content);
  }

  ScopedTempDir dir_;
  const std::string file_ = dir_.Path("train.tokens");
};

TEST_F(TokenCacheTest, GivesBackWhatWasWritten) {
  const auto cache = TokenCache::Open(dir_.path());

  ASSERT_THAT(cache, IsOk());
  const std::vector<Document> documents = Documents();
  ASSERT_EQ(cache->num_documents(), 20);
  EXPECT_EQ(cache->num_tokens(), 210);
  EXPECT_EQ(cache->digest(), kDigest);
  for (int64_t i = 0; i < 20; ++i) {
    const auto document = cache->Read(i);
    ASSERT_THAT(document, IsOk());
    EXPECT_EQ(document->ids, documents[i].ids);
    EXPECT_EQ(document->trained, documents[i].trained);
    EXPECT_EQ(cache->DocumentLength(i), i + 1);
    const auto origin = cache->Origin(i);
    ASSERT_THAT(origin, IsOk());
    EXPECT_EQ(origin->file, i < 10 ? "/a.jsonl" : "/b.jsonl");
    EXPECT_EQ(origin->line, i + 1);
  }
}

TEST_F(TokenCacheTest, HoldsMoreThanOneBlockOfIds) {
  auto writer = TokenCacheWriter::Create(dir_.path(), "eval", kDigest);
  ASSERT_THAT(writer, IsOk());
  const Document document{std::vector<int32_t>(100001, 7),
                          std::vector<uint8_t>(100001, 1)};
  for (int i = 0; i < 6; ++i) {
    ASSERT_THAT((*writer)->Append(document, {"/a", i}), IsOk());
  }
  ASSERT_THAT((*writer)->Finish(), IsOk());

  const auto cache = TokenCache::Open(dir_.path(), "eval");

  ASSERT_THAT(cache, IsOk());
  const auto last = cache->Read(5);
  ASSERT_THAT(last, IsOk());
  EXPECT_EQ(last->ids, document.ids);
  EXPECT_EQ(last->trained, document.trained);
}

TEST_F(TokenCacheTest, AFileThatWasNotFinishedDoesNotOpen) {
  auto writer = TokenCacheWriter::Create(dir_.path(), "eval", kDigest);
  ASSERT_THAT(writer, IsOk());
  const Document document{std::vector<int32_t>(300000, 7),
                          std::vector<uint8_t>(300000, 1)};
  ASSERT_THAT((*writer)->Append(document, {"/a", 1}), IsOk());
  writer->reset();

  EXPECT_THAT(TokenCache::Open(dir_.path(), "eval"),
              IsError(absl::StatusCode::kDataLoss, "not a finished"));
}

TEST_F(TokenCacheTest, AMissingFileIsNotFound) {
  EXPECT_THAT(TokenCache::Open(dir_.path(), "eval"),
              IsError(absl::StatusCode::kNotFound, "eval.tokens"));
}

TEST_F(TokenCacheTest, EveryTruncationIsDataLoss) {
  const std::string whole = ReadFile(file_);
  for (size_t size = 0; size < whole.size(); size += 13) {
    WriteFile(file_, whole.substr(0, size));
    EXPECT_THAT(TokenCache::Open(dir_.path()),
                IsError(absl::StatusCode::kDataLoss, file_))
        << size;
  }
  WriteFile(file_, whole + "x");
  EXPECT_THAT(TokenCache::Open(dir_.path()),
              IsError(absl::StatusCode::kDataLoss, "its header asks for"));
}

TEST_F(TokenCacheTest, AFileCutShortWhileItIsReadIsDataLoss) {
  const auto cache = TokenCache::Open(dir_.path());
  ASSERT_THAT(cache, IsOk());

  std::filesystem::resize_file(file_, 100);

  EXPECT_THAT(cache->Read(19),
              IsError(absl::StatusCode::kDataLoss, "ends at byte"));
}

TEST_F(TokenCacheTest, NamesAnotherFormatVersion) {
  Damage(8, std::string("\2\0\0\0", 4));
  EXPECT_THAT(TokenCache::Open(dir_.path()),
              IsError(absl::StatusCode::kFailedPrecondition,
                      "format version 2; this program reads 1"));
}

TEST_F(TokenCacheTest, CountsThatCannotBeAreDataLoss) {
  Damage(16, std::string(7, '\xff') + "\x7f");
  EXPECT_THAT(TokenCache::Open(dir_.path()),
              IsError(absl::StatusCode::kDataLoss, file_));
}

TEST_F(TokenCacheTest, DamagedOffsetsAreDataLoss) {
  const size_t offsets = 64 + 210 * 4 + 27;
  Damage(offsets + 8, std::string(7, '\xff') + "\x7f");
  EXPECT_THAT(TokenCache::Open(dir_.path()),
              IsError(absl::StatusCode::kDataLoss, "offsets are damaged"));
}

TEST_F(TokenCacheTest, ADamagedOriginIsDataLoss) {
  const size_t origins = 64 + 210 * 4 + 27 + 21 * 8;
  Damage(origins, "\x7f");
  const auto cache = TokenCache::Open(dir_.path());
  ASSERT_THAT(cache, IsOk());
  EXPECT_THAT(cache->Origin(0),
              IsError(absl::StatusCode::kDataLoss, "origin of document 0"));
}

TEST(TokenCacheWriterTest, NamesTheFolderThatIsMissing) {
  EXPECT_THAT(TokenCacheWriter::Create("/no/such/folder", "train", kDigest),
              IsError(absl::StatusCode::kNotFound, "/no/such/folder"));
}

TEST(CountLossTermsTest, LeavesTheFirstTokenOut) {
  EXPECT_EQ(CountLossTerms({{1, 2, 3}, {1, 0, 1}}), 1);
  EXPECT_EQ(CountLossTerms({{1}, {1}}), 0);
  EXPECT_EQ(CountLossTerms({}), 0);
}

}  // namespace
}  // namespace lockstep
