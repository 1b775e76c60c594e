// A20 hostile_files: whatever lies in a job's files, the job ends with an error
// that says where, and the coordinator takes the next one.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/job_spec.h"
#include "tests/acceptance/hostile_files.h"
#include "tests/integration/test_cluster.h"
#include "tests/testing/temp_dir.h"
#include "worker/prepare/confined.h"
#include "worker/prepare/prepare.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kFailed = 10;  // The job failed.
constexpr int64_t kMostGrowthBytes = 64 << 20;
constexpr int kGenerated = 200;

std::string Fixture(const std::string& name) {
  return SourceDir() + "/tests/testdata/" + name;
}

// Made anew for each attack.
HostileJob GoodJob(const std::string& dir) {
  fs::remove_all(dir);
  fs::create_directories(dir);
  fs::copy(Fixture("models/tiny-llama"), dir + "/model");
  fs::copy(Fixture("data/text.jsonl"), dir + "/train.jsonl");
  return {dir + "/model", dir + "/train.jsonl", ""};
}

v1::JobSpec SpecOf(const HostileJob& job, const std::string& output_dir) {
  v1::JobSpec spec;
  spec.set_api_version("lockstep/v1");
  spec.mutable_model()->set_path(job.model);
  if (!job.chat_template.empty()) {
    spec.mutable_model()->set_chat_template(job.chat_template);
  }
  spec.mutable_method()->mutable_full();
  spec.mutable_data()->add_train()->set_path(job.data);
  spec.mutable_data()->set_max_length(64);
  spec.mutable_train()->set_max_steps(1);
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CPU);
  spec.set_output_dir(output_dir);
  return spec;
}

// Of a process, in bytes; the most it ever had.
int64_t PeakMemory(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string key;
  int64_t kib = 0;
  while (status >> key) {
    if (key == "VmHWM:" && status >> kib) return kib << 10;
  }
  return 0;
}

class HostileFilesTest : public ::testing::Test {
 protected:
  RunResult Submit(const std::string& name, const HostileJob& job) {
    std::string model = absl::StrCat("path: ", job.model);
    if (!job.chat_template.empty()) {
      absl::StrAppend(&model, ", chat_template: \"",
                      absl::StrReplaceAll(job.chat_template,
                                          {{"\\", "\\\\"}, {"\"", "\\\""}}),
                      "\"");
    }
    return cluster_.SubmitAndWait(
        name,
        absl::StrCat("apiVersion: lockstep/v1\nmodel: {", model,
                     "}\nmethod: {full: {}}\ndata: {train: [{path: ", job.data,
                     "}], max_length: 64}\ntrain: {max_steps: 1}\n",
                     "resources: {device: cpu, ranks: 1}\noutput_dir: ",
                     cluster_.Path("out-" + name), "\n"));
  }

  void ExpectRefused(const std::string& group,
                     const std::vector<Attack>& attacks) {
    for (const Attack& attack : attacks) {
      const std::string name = absl::StrCat(
          group, "-", absl::StrReplaceAll(attack.name, {{"_", "-"}}));
      SCOPED_TRACE(name);
      HostileJob job = GoodJob(cluster_.Path("job"));
      attack.prepare(job);
      const RunResult run = Submit(name, job);
      EXPECT_EQ(run.exit_code, kFailed) << run.err;
      const v1::Job ended = cluster_.GetJob(name);
      EXPECT_EQ(ended.error().reason(), attack.reason)
          << ended.error().message();
      for (const std::string& part : attack.parts) {
        EXPECT_THAT(ended.error().message(), HasSubstr(part));
      }
      EXPECT_FALSE(fs::exists(cluster_.Path("out-" + name)));
    }
    ExpectUnharmed(group, attacks.size());
  }

  // The same daemon, not much larger, trains the next job.
  void ExpectUnharmed(const std::string& group, size_t attacks) {
    const int64_t growth = PeakMemory(cluster_.daemon_pid()) - before_;
    EXPECT_LE(growth, kMostGrowthBytes);
    const RunResult next =
        Submit(group + "-next", GoodJob(cluster_.Path("job")));
    EXPECT_EQ(next.exit_code, 0) << next.err << cluster_.daemon_log();
    std::cout << "A20 hostile_files: " << attacks << " attacks by " << group
              << " refused, lockstepd grew by " << (growth >> 10) << " KiB\n";
  }

  TestCluster cluster_;
  const int64_t before_ = PeakMemory(cluster_.daemon_pid());
};

TEST_F(HostileFilesTest, Weights) { ExpectRefused("weights", WeightAttacks()); }

TEST_F(HostileFilesTest, Tokenizers) {
  ExpectRefused("tokenizers", TokenizerAttacks());
}

TEST_F(HostileFilesTest, Templates) {
  ExpectRefused("templates", TemplateAttacks());
}

TEST_F(HostileFilesTest, Rows) { ExpectRefused("rows", DataAttacks()); }

TEST_F(HostileFilesTest, Configurations) {
  ExpectRefused("configurations", ConfigAttacks());
}

// Two hundred files damaged at random: no parser falls over one of them, and an
// error says which file it was.
TEST(HostileFiles, Generated) {
  const ScopedTempDir dir;
  int refused = 0;
  for (uint64_t seed = 0; seed < kGenerated; ++seed) {
    SCOPED_TRACE(seed);
    const HostileJob job = GoodJob(dir.Path("job"));
    const std::string damaged = DamageOneFile(job, seed);
    PrepareOptions options;
    options.spec = SpecOf(job, dir.Path("out"));
    ApplyDefaults(&options.spec);
    options.owner = "jobs/generated";
    options.cache_dir = dir.Path("cache");
    const Confined confined =
        RunConfined(LimitsFor(options.spec), [&](const TellPlace& at) {
          options.at = at;
          return OutcomeOf(MakePlan(options));
        });
    const worker::v1::ReportPreparedRequest& report = confined.outcome.report;
    EXPECT_TRUE(confined.orderly) << report.error().message();
    if (report.has_error()) {
      ++refused;
      EXPECT_EQ(report.error().reason(), "INVALID_INPUT");
      // What one file says may be wrong of another.
      EXPECT_THAT(report.error().message(),
                  AnyOf(HasSubstr(damaged), HasSubstr("config.json"),
                        HasSubstr(".jsonl:")))
          << damaged;
    }
    fs::remove_all(dir.Path("out"));
  }
  EXPECT_GT(refused, kGenerated / 2);
  std::cout << "A20 hostile_files: " << kGenerated << " damaged files, "
            << refused << " refused, 0 crashes\n";
}

}  // namespace
}  // namespace lockstep::testing
