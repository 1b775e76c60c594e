#ifndef LOCKSTEP_TESTS_WORKER_PREPARE_PREPARE_FIXTURE_H_
#define LOCKSTEP_TESTS_WORKER_PREPARE_PREPARE_FIXTURE_H_

// A job on the tiny models of tests/testdata, in a folder of its own, that a
// test may bend before it is prepared.

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/contract/job_spec.h"
#include "tests/integration/process.h"
#include "tests/testing/temp_dir.h"
#include "worker/prepare/prepare.h"

namespace lockstep::testing {

inline std::string TestData(const std::string& name) {
  return SourceDir() + "/tests/testdata/" + name;
}

class PrepareFixture : public ::testing::Test {
 protected:
  PrepareFixture() {
    spec_.set_api_version("lockstep/v1");
    spec_.mutable_model()->set_path(TestData("models/tiny-llama"));
    spec_.mutable_method()->mutable_lora()->set_r(8);
    spec_.mutable_data()->add_train()->set_path(TestData("data/pc.jsonl"));
    spec_.mutable_data()->set_max_length(256);
    spec_.set_output_dir(Path("out"));
  }

  std::string Path(const std::string& name) const { return dir_.Path(name); }

  void SetData(const std::string& path) {
    spec_.mutable_data()->mutable_train(0)->set_path(path);
  }
  // A file of rows, which becomes the job's data.
  std::string WriteData(const std::string& content) {
    WriteFile(Path("train.jsonl"), content);
    SetData(Path("train.jsonl"));
    return Path("train.jsonl");
  }
  // A copy of the model that may be damaged, which becomes the job's.
  std::string CopyModel(const std::string& name = "tiny-llama") {
    std::filesystem::copy(TestData("models/" + name), Path("model"),
                          std::filesystem::copy_options::recursive);
    spec_.mutable_model()->set_path(Path("model"));
    return Path("model");
  }
  // Replaces every `from` in a file.
  static void Edit(const std::string& path, const std::string& from,
                   const std::string& to) {
    std::string content = ReadFile(path);
    size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << path << " has no " << from;
    for (; at != std::string::npos; at = content.find(from, at + to.size())) {
      content.replace(at, from.size(), to);
    }
    WriteFile(path, content);
  }

  // The job as the coordinator would hand it over.
  PrepareOptions Options() {
    PrepareOptions options;
    options.spec = spec_;
    ApplyDefaults(&options.spec);
    options.owner = "jobs/demo u1";
    options.cache_dir = Path("cache");
    options.now = now_;
    return options;
  }
  absl::StatusOr<v1::Plan> Plan() { return MakePlan(Options()); }

  // Of a preparation that must fail.
  std::string Error() {
    const absl::StatusOr<v1::Plan> plan = Plan();
    EXPECT_FALSE(plan.ok()) << plan->ShortDebugString();
    ExpectNothingLeft();
    return std::string(plan.status().message());
  }

  // No output folder that was not there before, no cache, whole or half.
  void ExpectNothingLeft() {
    EXPECT_FALSE(std::filesystem::exists(Path("out")));
    std::error_code ignored;
    EXPECT_TRUE(!std::filesystem::exists(Path("cache")) ||
                std::filesystem::is_empty(Path("cache"), ignored));
  }

  ScopedTempDir dir_;
  v1::JobSpec spec_;
  absl::Time now_ = absl::UnixEpoch();
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_PREPARE_PREPARE_FIXTURE_H_
