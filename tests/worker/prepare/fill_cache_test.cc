#include "worker/prepare/fill_cache.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/prepare/prepare_fixture.h"
#include "worker/io/hf_config.h"
#include "worker/prepare/cache_key.h"

namespace lockstep::testing {
namespace {

class FillCacheTest : public PrepareFixture {
 protected:
  // Fills the cache of `key`; `found` says whether it is there afterwards.
  absl::Status Fill(const std::string& key, bool* found) {
    const v1::JobSpec spec = Options().spec;
    const auto config = ReadModelConfig(spec.model().path());
    const auto text = LoadTextInput(spec, *config, now_);
    const auto whole = [](const std::string&) { return true; };
    absl::Status status;
    {
      auto folder = CacheFolder::Open(Path("cache"), key, whole);
      status = FillCache(spec, *config, *text, key, *folder,
                         [](const std::string&) {});
    }
    *found = std::filesystem::exists(Path("cache/" + key));
    return status;
  }
  std::string Key() {
    const v1::JobSpec spec = Options().spec;
    const auto config = ReadModelConfig(spec.model().path());
    return *CacheKey(spec, *config, *LoadTextInput(spec, *config, now_));
  }
};

TEST_F(FillCacheTest, PublishesWhatItTokenised) {
  bool found = false;
  EXPECT_TRUE(Fill(Key(), &found).ok());

  EXPECT_TRUE(found);
}

TEST_F(FillCacheTest, FileThatChangedWhileItWasReadIsNotCached) {
  const std::string data = WriteData("{\"text\": \"one two\"}\n");
  const std::string key = Key();
  WriteFile(data, "{\"text\": \"one two three\"}\n");

  bool found = true;
  const absl::Status status = Fill(key, &found);

  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_FALSE(found);
  ExpectNothingLeft();
}

}  // namespace
}  // namespace lockstep::testing
