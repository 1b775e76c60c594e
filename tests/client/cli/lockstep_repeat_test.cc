// `lockstep jobs retry` and `jobs clone` of the built program, against a
// coordinator that plays a part.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_spec.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class LockstepRepeatTest : public ::testing::Test {
 protected:
  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  // As the coordinator has it: with every default filled in.
  v1::Job& Add(const std::string& id, v1::Job::State state) {
    v1::Job& job = coordinator_.jobs.jobs["jobs/" + id];
    job.set_name("jobs/" + id);
    job.set_state(state);
    v1::JobSpec& spec = *job.mutable_spec();
    spec.set_api_version("lockstep/v1");
    spec.set_name(id);
    spec.set_output_dir("/out/" + id);
    spec.mutable_model()->set_path("/models/base");
    spec.mutable_method()->mutable_lora();
    spec.mutable_data()->add_train()->set_path("/data/train.jsonl");
    ApplyDefaults(&spec);
    return job;
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepRepeatTest, RetryMakesANewJobUnderTheNextFreeName) {
  Add("demo", v1::Job::FAILED)
      .mutable_spec()
      ->mutable_labels()
      ->insert({"old", "x"});
  (*coordinator_.jobs.jobs["jobs/demo"].mutable_labels())["team"] = "nlp";
  coordinator_.jobs.jobs["jobs/demo"].set_queue("research");
  coordinator_.jobs.jobs["jobs/demo"].set_priority(
      v1::ResourceSpec::PRIORITY_HIGH);
  coordinator_.jobs.taken = {"jobs/demo-r2"};
  const RunResult run = Lockstep({"jobs", "retry", "demo"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo-r3 created\n");
  EXPECT_THAT(run.err, HasSubstr("/out/demo-r3"));
  const v1::CreateJobRequest sent = coordinator_.jobs.created();
  EXPECT_EQ(sent.spec().name(), "demo-r3");
  EXPECT_EQ(sent.spec().output_dir(), "/out/demo-r3");
  EXPECT_EQ(sent.spec().labels().size(), 1u);
  EXPECT_EQ(sent.spec().labels().at("team"), "nlp");
  EXPECT_EQ(sent.spec().resources().queue(), "research");
  EXPECT_EQ(sent.spec().resources().priority(),
            v1::ResourceSpec::PRIORITY_HIGH);
  EXPECT_EQ(sent.request_id().size(), 36u);
}

TEST_F(LockstepRepeatTest, RetryTakesNameAndFolder) {
  Add("demo", v1::Job::CANCELLED).mutable_spec()->add_after("first");
  EXPECT_EQ(Lockstep({"jobs", "retry", "demo", "--name", "again"}).out,
            "job/again created\n");
  EXPECT_EQ(coordinator_.jobs.created().spec().after_size(), 0);
  EXPECT_EQ(coordinator_.jobs.created().spec().output_dir(), "/out/again");
  EXPECT_EQ(
      Lockstep({"jobs", "retry", "demo", "--output-dir", "/elsewhere"}).out,
      "job/demo-r2 created\n");
  EXPECT_EQ(coordinator_.jobs.created().spec().output_dir(), "/elsewhere");
  // A name that was asked for is not changed.
  coordinator_.jobs.taken = {"jobs/taken"};
  EXPECT_EQ(Lockstep({"jobs", "retry", "demo", "--name", "taken"}).exit_code,
            6);
}

TEST_F(LockstepRepeatTest, RetryGoesOnWhereTheJobLeftOff) {
  v1::JobSpec& spec = *Add("demo", v1::Job::FAILED).mutable_spec();
  spec.mutable_resources()->set_ranks(2);
  spec.mutable_train()->set_gradient_accumulation_steps(1);
  EXPECT_EQ(Lockstep({"jobs", "retry", "demo", "--resume"}).exit_code, 6);
  for (const int step : {20, 40}) {
    coordinator_.jobs.checkpoints.emplace_back().set_name(
        "jobs/demo/checkpoints/" + std::to_string(step));
  }
  EXPECT_EQ(Lockstep({"jobs", "retry", "demo", "--resume"}).exit_code, 0);
  EXPECT_EQ(coordinator_.jobs.created().spec().checkpoint().start_from(),
            "jobs/demo/checkpoints/40");
  EXPECT_FALSE(coordinator_.jobs.created().spec().checkpoint().inexact());
  // A step has as many rows as before.
  EXPECT_EQ(Lockstep({"jobs", "retry", "demo", "--inexact", "--ranks", "1"})
                .exit_code,
            0);
  const v1::JobSpec sent = coordinator_.jobs.created().spec();
  EXPECT_EQ(sent.resources().ranks(), 1);
  EXPECT_EQ(sent.train().gradient_accumulation_steps(), 2);
  EXPECT_EQ(sent.checkpoint().start_from(), "jobs/demo/checkpoints/40");
  EXPECT_TRUE(sent.checkpoint().inexact());
  // Where that cannot be, the accumulation stays.
  Lockstep({"jobs", "retry", "demo", "--inexact", "--ranks", "4"});
  EXPECT_EQ(
      coordinator_.jobs.created().spec().train().gradient_accumulation_steps(),
      1);
  EXPECT_EQ(Lockstep({"jobs", "retry", "demo", "--ranks", "0"}).exit_code, 2);
}

TEST_F(LockstepRepeatTest, OnlyAJobThatHasEndedIsRetried) {
  Add("demo", v1::Job::RUNNING);
  const RunResult run = Lockstep({"jobs", "retry", "demo"});
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.err, HasSubstr("job/demo is RUNNING"));
  EXPECT_EQ(Lockstep({"jobs", "retry", "none"}).exit_code, 3);
}

TEST_F(LockstepRepeatTest, CloneIsTheJobWithChanges) {
  v1::Job& demo = Add("demo", v1::Job::RUNNING);
  demo.mutable_spec()->add_after("first");
  demo.mutable_spec()->mutable_checkpoint()->set_start_from(
      "jobs/base/checkpoints/9");
  (*demo.mutable_labels())["team"] = "nlp";
  demo.set_queue("research");
  demo.set_priority(v1::ResourceSpec::PRIORITY_HIGH);
  const v1::JobSpec old = demo.spec();
  coordinator_.jobs.taken = {"jobs/demo-c2"};
  const RunResult run = Lockstep(
      {"jobs", "clone", "jobs/demo", "--set", "train.learning_rate=0.125",
       "--set", "data.train[0].path=/data/other.jsonl", "--label", "sweep=lr"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo-c3 created\n");
  EXPECT_THAT(run.err, HasSubstr("output /out/demo-c3"));
  const v1::JobSpec sent = coordinator_.jobs.created().spec();
  v1::JobSpec expected = old;
  expected.set_name("demo-c3");
  expected.set_output_dir("/out/demo-c3");
  expected.clear_after();
  expected.mutable_resources()->set_queue("research");
  expected.mutable_resources()->set_priority(v1::ResourceSpec::PRIORITY_HIGH);
  expected.mutable_train()->set_learning_rate(0.125);
  expected.mutable_data()->mutable_train(0)->set_path("/data/other.jsonl");
  (*expected.mutable_labels())["team"] = "nlp";
  (*expected.mutable_labels())["sweep"] = "lr";
  EXPECT_EQ(sent.DebugString(), expected.DebugString());
  EXPECT_EQ(coordinator_.jobs.created().request_id().size(), 36u);
}

TEST_F(LockstepRepeatTest, CloneTakesNameAndFolder) {
  Add("demo", v1::Job::SUCCEEDED);
  EXPECT_EQ(Lockstep({"jobs", "clone", "demo", "--name", "wide"}).out,
            "job/wide created\n");
  EXPECT_EQ(coordinator_.jobs.created().spec().output_dir(), "/out/wide");
  EXPECT_EQ(
      Lockstep({"jobs", "clone", "demo", "--set", "name=high", "-o", "json"})
          .exit_code,
      0);
  EXPECT_EQ(coordinator_.jobs.created().spec().name(), "high");
  EXPECT_EQ(coordinator_.jobs.created().spec().output_dir(), "/out/high");
  EXPECT_EQ(Lockstep({"jobs", "clone", "demo", "--output-dir", "/there"}).out,
            "job/demo-c2 created\n");
  EXPECT_EQ(coordinator_.jobs.created().spec().output_dir(), "/there");
  Lockstep({"jobs", "clone", "demo", "--set", "output_dir=/set"});
  EXPECT_EQ(coordinator_.jobs.created().spec().output_dir(), "/set");
  coordinator_.jobs.taken = {"jobs/taken"};
  EXPECT_EQ(Lockstep({"jobs", "clone", "demo", "--name", "taken"}).exit_code,
            6);
}

TEST_F(LockstepRepeatTest, CloneSetsWhatFollowsFromAChange) {
  v1::JobSpec& spec = *Add("demo", v1::Job::SUCCEEDED).mutable_spec();
  spec.mutable_resources()->set_gpus(2);
  spec.mutable_resources()->set_ranks(2);
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CUDA);
  spec.mutable_train()->set_gradient_accumulation_steps(1);
  const auto clone = [this](const std::string& setting) {
    const RunResult run = Lockstep({"jobs", "clone", "demo", "--set", setting});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return coordinator_.jobs.created().spec();
  };

  EXPECT_EQ(clone("resources.gpus=4").resources().gpus(), 4);
  EXPECT_FALSE(clone("resources.gpus=4").resources().has_ranks());
  EXPECT_FALSE(clone("resources.ranks=3").resources().has_gpus());
  EXPECT_FALSE(clone("train.global_batch_size=64")
                   .train()
                   .has_gradient_accumulation_steps());
  spec.mutable_train()->set_global_batch_size(16);
  EXPECT_FALSE(clone("train.gradient_accumulation_steps=4")
                   .train()
                   .has_global_batch_size());
}

TEST_F(LockstepRepeatTest, CloneLetsTheAccumulationFollowTheGlobalBatch) {
  v1::JobSpec& spec = *Add("demo", v1::Job::SUCCEEDED).mutable_spec();
  spec.mutable_train()->set_global_batch_size(16);
  spec.mutable_train()->set_gradient_accumulation_steps(2);
  const RunResult run = Lockstep(
      {"jobs", "clone", "demo", "--set", "train.global_batch_size=32"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  const v1::TrainSpec sent = coordinator_.jobs.created().spec().train();
  EXPECT_EQ(sent.global_batch_size(), 32);
  EXPECT_FALSE(sent.has_gradient_accumulation_steps());
}

TEST_F(LockstepRepeatTest, CloneSaysWhatIsWrong) {
  Add("demo", v1::Job::FAILED);
  RunResult run =
      Lockstep({"jobs", "clone", "demo", "--set", "train.lerning_rate=1"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, AllOf(HasSubstr("--set train.lerning_rate"),
                             HasSubstr("did you mean learning_rate?")));
  run = Lockstep({"jobs", "clone", "demo", "--set", "max_restarts=-1"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("job/demo: max_restarts: "));
  EXPECT_EQ(Lockstep({"jobs", "clone", "demo", "--label", "sweep"}).exit_code,
            2);
  run = Lockstep({"jobs", "clone", "dem"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("did you mean \"demo\"?"));
  coordinator_.jobs.create_error = errors::Draining();
  run = Lockstep({"jobs", "clone", "demo"});
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.err, HasSubstr("is drained"));
}

}  // namespace
}  // namespace lockstep::testing
