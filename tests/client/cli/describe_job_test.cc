#include "client/cli/describe_job.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace lockstep::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

void AddShare(v1::Goodput::Class what, const char* cause, int seconds,
              double device_seconds, v1::Job& job) {
  v1::Goodput::Share& share = *job.mutable_goodput()->add_shares();
  share.set_class_(what);
  share.set_cause(cause);
  share.mutable_wall()->set_seconds(seconds);
  share.set_device_seconds(device_seconds);
}

JobPicture Picture() {
  JobPicture picture;
  v1::Job& job = picture.job;
  job.set_name("jobs/demo");
  job.set_state(v1::Job::FAILED);
  job.set_owner("local");
  job.set_restarts(1);
  (*job.mutable_labels())["team"] = "nlp";
  (*job.mutable_labels())["stage"] = "test";
  job.mutable_create_time()->set_seconds(1000);
  job.mutable_error()->set_reason("WORKER_CRASH");
  job.mutable_error()->set_message("rank 1 died by signal 9");
  v1::JobSpec& spec = *job.mutable_spec();
  spec.mutable_model()->set_path("/models/tiny");
  spec.mutable_method()->mutable_lora()->set_r(16);
  spec.mutable_method()->mutable_lora()->set_alpha(32);
  spec.mutable_data()->add_train()->set_path("/data/a.jsonl");
  spec.mutable_data()->add_train()->set_path("/data/b.jsonl");
  spec.mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
  spec.mutable_train()->set_num_train_epochs(3);
  spec.mutable_train()->set_learning_rate(2e-4);
  spec.mutable_train()->set_lr_scheduler_type(
      v1::TrainSpec::LR_SCHEDULER_TYPE_COSINE);
  spec.mutable_resources()->set_ranks(2);
  spec.mutable_resources()->set_device(v1::ResourceSpec::DEVICE_CPU);
  spec.set_max_restarts(3);
  spec.set_output_dir("/out/demo");
  job.mutable_plan()->set_rows(12);
  job.mutable_plan()->set_steps(40);
  job.mutable_progress()->set_step(10);
  job.mutable_progress()->set_loss(1.25);
  v1::Attempt& attempt = *job.add_attempts();
  attempt.set_state(v1::Attempt::ENDED);
  attempt.set_end_cause(v1::Attempt::WORKER_CRASH);
  attempt.set_end_message("rank 1 died by signal 9");
  attempt.mutable_start_time()->set_seconds(1010);
  attempt.mutable_end_time()->set_seconds(1040);
  attempt.add_ranks()->set_device("cpu:0");
  attempt.add_ranks()->set_device("cpu:1");
  AddShare(v1::Goodput::QUEUE, "CAPACITY", 90, 0, job);
  AddShare(v1::Goodput::TRAIN, "", 27, 54, job);
  AddShare(v1::Goodput::LOST, "WORKER_CRASH", 3, 6, job);
  AddShare(v1::Goodput::IDLE, "HANG", 0, 0, job);
  job.mutable_goodput()->set_ratio(0.9);
  v1::Checkpoint& checkpoint = picture.checkpoints.emplace_back();
  checkpoint.set_step(10);
  checkpoint.set_path("/out/demo/checkpoint-10");
  v1::Event& event = picture.events.emplace_back();
  event.mutable_time()->set_seconds(1040);
  event.set_severity(v1::Event::ERROR);
  event.set_type("ATTEMPT_ENDED");
  event.set_message("it ended");
  return picture;
}

TEST(DescribeJobTest, ShowsWhereTheTimeWent) {
  const std::string page = DescribeJob(Picture(), absl::FromUnixSeconds(9000));
  EXPECT_THAT(
      page,
      HasSubstr("time: 90.0% of the device time went to steps that count\n"
                "  SPENT ON  CAUSE         WALL   SHARE  DEVICE TIME\n"
                "  QUEUE     CAPACITY      90s    75.0%  -\n"
                "  TRAIN     -             27.0s  22.5%  54.0s\n"
                "  LOST      WORKER_CRASH  3.0s   2.5%   6.0s\n"));
  EXPECT_THAT(page, Not(HasSubstr("IDLE")));

  EXPECT_THAT(DescribeJob({}, absl::FromUnixSeconds(9000)),
              Not(HasSubstr("SPENT ON")));
}

TEST(DescribeJobTest, ShowsWhatPeopleAskFor) {
  const std::string page =
      DescribeJob(Picture(), absl::FromUnixSeconds(1000 + 7200));
  EXPECT_THAT(page,
              AllOf(HasSubstr("job/demo\n"), HasSubstr("FAILED"),
                    HasSubstr("WORKER_CRASH: rank 1 died by signal 9"),
                    HasSubstr("stage=test, team=nlp"),
                    HasSubstr("1970-01-01 00:16:40 UTC (2h00m ago)"),
                    HasSubstr("/data/a.jsonl"), HasSubstr("/data/b.jsonl"),
                    HasSubstr("lora r=16 alpha=32"), HasSubstr("packing bfd"),
                    HasSubstr("lr 2.0e-4 cosine"), HasSubstr("2 x cpu"),
                    HasSubstr("/out/demo\n")));
  EXPECT_THAT(page, AllOf(HasSubstr("10 of 40"), HasSubstr("1.250"),
                          HasSubstr("attempts (1 of 3 restarts used)"),
                          HasSubstr("30s"), HasSubstr("cpu:0,cpu:1"),
                          HasSubstr("/out/demo/checkpoint-10"),
                          HasSubstr("ERROR   ATTEMPT_ENDED        it ended")));
}

TEST(DescribeJobTest, LeavesOutWhatIsNotThereYet) {
  JobPicture picture;
  picture.job.set_name("jobs/demo");
  picture.job.set_state(v1::Job::QUEUED);
  picture.job.mutable_spec()->mutable_method()->mutable_full();
  const std::string page = DescribeJob(picture, absl::UnixEpoch());
  EXPECT_THAT(
      page, AllOf(HasSubstr("doing          queued"),
                  HasSubstr("priority       normal"),
                  HasSubstr("method         full"), Not(HasSubstr("attempts")),
                  Not(HasSubstr("checkpoints")), Not(HasSubstr("progress")),
                  Not(HasSubstr("events")), Not(HasSubstr("error"))));
}

TEST(DescribeJobTest, IsOneObjectInJson) {
  const auto json = nlohmann::json::parse(DescribeJobAsJson(Picture()));
  EXPECT_EQ(json["job"]["name"], "jobs/demo");
  EXPECT_EQ(json["checkpoints"][0]["step"], "10");
  EXPECT_EQ(json["events"][0]["type"], "ATTEMPT_ENDED");
  JobPicture empty;
  EXPECT_EQ(nlohmann::json::parse(DescribeJobAsJson(empty))["events"].size(),
            0u);
}

TEST(DescribeJobTest, SaysWhereTheTimeOfEachRankGoes) {
  JobPicture picture = Picture();
  picture.job.set_attempt(1);
  picture.job.mutable_attempts(0)->mutable_ranks(1)->set_slowdown(1.5);
  for (int i = 0; i < 4; ++i) {
    v1::MetricPoint& point = picture.rank_points.emplace_back();
    point.set_attempt(i < 3 ? 1 : 7);
    point.set_rank(i == 0 ? 0 : 1);
    auto& values = *point.mutable_values();
    values["data_seconds"] = 0.001;
    values["forward_seconds"] = 0.01 * (i + 1);
    values["backward_seconds"] = 0.25;
    values["comm_seconds"] = 1.5;
    values["optimizer_seconds"] = 0.0001234;
  }
  picture.rank_points.emplace_back();

  const std::string page = DescribeJob(picture, absl::FromUnixSeconds(2000));

  EXPECT_THAT(
      page,
      HasSubstr(
          "ranks: time of a step\n"
          "  RANK  SLOWDOWN  DATA  FORWARD  BACKWARD  COMM     OPTIMIZER\n"
          "  0     -         1 ms  10 ms    250 ms    1500 ms  0.1234 ms\n"
          "  1     1.50      1 ms  25 ms    250 ms    1500 ms  0.1234 ms\n"));
}

TEST(DescribeJobTest, SaysHowMuchOfTheGpusIsUsed) {
  JobPicture picture = Picture();
  picture.job.mutable_progress()->set_tokens_per_second(1200);
  picture.job.mutable_progress()->set_mfu(0.512);
  EXPECT_THAT(DescribeJob(picture, absl::FromUnixSeconds(2000)),
              HasSubstr("1.2k tok/s, 51% of the GPUs' peak (MFU)\n"));
}

}  // namespace
}  // namespace lockstep::cli
