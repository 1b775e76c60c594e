#include "worker/prepare/prepare_limits.h"

#include <filesystem>

#include "gtest/gtest.h"
#include "tests/worker/prepare/prepare_fixture.h"

namespace lockstep::testing {
namespace {

class PrepareLimitsTest : public PrepareFixture {
 protected:
  // A file of a size, of which nothing is on disk.
  std::string Sparse(const std::string& name, int64_t bytes) {
    WriteFile(Path(name), "");
    std::filesystem::resize_file(Path(name), bytes);
    return Path(name);
  }
  PrepareLimits Limits() { return LimitsFor(spec_); }
};

TEST_F(PrepareLimitsTest, AreAtLeastWhatASmallJobNeedsManyTimes) {
  spec_.mutable_model()->set_path("/nonexistent");
  SetData("/nonexistent");

  EXPECT_EQ(Limits().memory_bytes, 1 << 30);
  EXPECT_EQ(Limits().cpu_seconds, 300);
  EXPECT_EQ(Limits().file_bytes, 1 << 30);
}

TEST_F(PrepareLimitsTest, GrowWithAllDataFiles) {
  const PrepareLimits before = Limits();
  spec_.mutable_data()->add_train()->set_path(Sparse("more", 100 << 20));
  spec_.mutable_data()->mutable_eval()->set_path(Sparse("eval", 100 << 20));

  EXPECT_EQ(Limits().memory_bytes - before.memory_bytes,
            int64_t{200 << 20} * 32);
  EXPECT_EQ(Limits().cpu_seconds - before.cpu_seconds, 200 * 30);
  EXPECT_EQ(Limits().file_bytes - before.file_bytes, int64_t{200 << 20} * 64);
}

TEST_F(PrepareLimitsTest, GrowWithTheModelsFiles) {
  const std::string model = CopyModel();
  const PrepareLimits before = Limits();
  std::filesystem::resize_file(model + "/tokenizer.json", 30 << 20);
  Sparse("model/second.safetensors", int64_t{16} << 30);

  EXPECT_GT(Limits().memory_bytes - before.memory_bytes, int64_t{1} << 30);
  EXPECT_EQ(Limits().cpu_seconds - before.cpu_seconds, 16 * 1024 / 50);
  EXPECT_EQ(Limits().file_bytes, before.file_bytes);
}

}  // namespace
}  // namespace lockstep::testing
