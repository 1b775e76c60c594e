// `lockstep jobs diff` of the built program, against a coordinator that plays
// a part.

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/cli/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;

class LockstepDiffTest : public ::testing::Test {
 protected:
  LockstepDiffTest() {
    for (const std::string id : {"a", "b"}) {
      v1::Job& job = coordinator_.jobs.jobs["jobs/" + id];
      job.set_name("jobs/" + id);
      job.set_state(v1::Job::SUCCEEDED);
      job.mutable_spec()->set_name(id);
      job.mutable_spec()->mutable_train()->set_max_steps(20);
      job.mutable_spec()->set_output_dir("/" + std::string(60, 'd') + "/" + id);
    }
  }

  v1::Job& Job(const std::string& id) {
    return coordinator_.jobs.jobs["jobs/" + id];
  }

  RunResult Diff(std::vector<std::string> args) {
    args.insert(args.begin(), {BinDir() + "/lockstep", "jobs", "diff"});
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()},
                             {"LC_ALL", "C.UTF-8"}});
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepDiffTest, ShowsTheFieldsThatDiffer) {
  Job("a").mutable_spec()->mutable_train()->set_learning_rate(1e-4);
  Job("b").mutable_spec()->mutable_train()->set_learning_rate(2e-4);
  (*Job("b").mutable_spec()->mutable_labels())["team"] = "nlp";
  Job("b").set_state(v1::Job::FAILED);
  const RunResult run = Diff({"a", "job/b"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out,
              AllOf(ContainsRegex("SPEC +a +b\n"),
                    ContainsRegex("\ntrain.learning_rate +0.0001 +0.0002\n"),
                    ContainsRegex("\nlabels.team +- +nlp\n"),
                    ContainsRegex("\noutput_dir +…d+/a +…d+/b\n"),
                    ContainsRegex("\nRESULTS +a +b\n"),
                    ContainsRegex("\nstate +SUCCEEDED +FAILED\n")));
  EXPECT_THAT(run.out, Not(HasSubstr("max_steps")));
  for (const auto line : absl::StrSplit(run.out, '\n')) {
    EXPECT_THAT(cli::DisplayWidth(line), Le(80u)) << line;
  }
}

TEST_F(LockstepDiffTest, SaysWhenThereIsNoDifference) {
  EXPECT_EQ(Diff({"a", "a"}).out,
            "SPEC: no difference\n\nRESULTS: no difference\n");
}

TEST_F(LockstepDiffTest, IsWholeAsJson) {
  const auto json = nlohmann::json::parse(Diff({"a", "b", "-o", "json"}).out);
  EXPECT_EQ(json["a"], "a");
  EXPECT_EQ(json["spec"][0]["field"], "output_dir");
  EXPECT_EQ(json["spec"][0]["a"], "/" + std::string(60, 'd') + "/a");
  EXPECT_TRUE(json["results"].is_array());
}

TEST_F(LockstepDiffTest, WantsTwoJobsThatAreThere) {
  EXPECT_EQ(Diff({"a"}).exit_code, 2);
  EXPECT_EQ(Diff({"a", "b", "c"}).exit_code, 2);
  const RunResult run = Diff({"a", "zzzzz"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("zzzzz"));
}

}  // namespace
}  // namespace lockstep::testing
