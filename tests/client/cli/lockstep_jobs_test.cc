// The built program's verbs about jobs that are there, their events, and the
// coordinator itself, against a coordinator that plays a part.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LockstepJobsTest : public ::testing::Test {
 protected:
  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  v1::Job& Add(const std::string& id, v1::Job::State state) {
    v1::Job& job = coordinator_.jobs.jobs["jobs/" + id];
    job.set_name("jobs/" + id);
    job.set_state(state);
    job.mutable_spec()->set_name(id);
    job.mutable_spec()->set_output_dir("/out/" + id);
    return job;
  }

  void Happen(int64_t sequence, const std::string& type) {
    v1::Event& event = coordinator_.jobs.events.emplace_back();
    event.set_sequence(sequence);
    event.set_job("jobs/demo");
    event.set_severity(v1::Event::INFO);
    event.set_type(type);
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepJobsTest, ListSendsWhatIsWanted) {
  Add("demo", v1::Job::RUNNING);
  const RunResult run =
      Lockstep({"jobs", "list", "--state", "running", "-l", "team=a\"b", "-l",
                "keep", "--filter", "name = d*", "--order-by", "name desc"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  const v1::ListJobsRequest sent = coordinator_.jobs.listed();
  EXPECT_THAT(sent.states(), ElementsAre(v1::Job::RUNNING));
  EXPECT_EQ(sent.filter(),
            R"(labels.team = "a\"b" AND labels:"keep" AND name = d*)");
  EXPECT_EQ(sent.order_by(), "name desc");
}

TEST_F(LockstepJobsTest, DescribeShowsThePage) {
  Add("demo", v1::Job::RUNNING);
  for (int i = 1; i <= 12; ++i) Happen(i, "E" + std::to_string(i) + ".");
  const RunResult run = Lockstep({"jobs", "describe", "jobs/demo"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  // The last ten.
  EXPECT_THAT(run.out, AllOf(HasSubstr("job/demo\n"), HasSubstr("E12."),
                             HasSubstr("E3."), Not(HasSubstr("E2."))));
  EXPECT_THAT(Lockstep({"jobs", "describe", "demo", "-o", "json"}).out,
              HasSubstr("\"job\": {\"name\":\"jobs/demo\""));
  EXPECT_EQ(Lockstep({"jobs", "describe", "none"}).exit_code, 3);
}

TEST_F(LockstepJobsTest, DeleteWantsAYes) {
  Add("demo", v1::Job::FAILED);
  const RunResult silent = Lockstep({"jobs", "delete", "demo"});
  EXPECT_EQ(silent.exit_code, 2);
  EXPECT_THAT(silent.err, HasSubstr("-y"));
  EXPECT_THAT(coordinator_.jobs.deleted(), IsEmpty());

  const RunResult run = Lockstep({"jobs", "delete", "-y", "job/demo"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo deleted\n");
  EXPECT_THAT(coordinator_.jobs.deleted(), ElementsAre("jobs/demo"));
}

TEST_F(LockstepJobsTest, DeleteGoesOnAfterARefusal) {
  Add("demo", v1::Job::FAILED);
  const RunResult run = Lockstep({"jobs", "delete", "none", "demo", "--yes"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.out, "job/demo deleted\n");
  coordinator_.jobs.delete_error =
      errors::Error(absl::StatusCode::kFailedPrecondition, "JOB_NOT_ENDED",
                    "jobs/demo is RUNNING");
  EXPECT_EQ(Lockstep({"jobs", "delete", "demo", "-y"}).exit_code, 6);
}

TEST_F(LockstepJobsTest, LabelSetsAndRemoves) {
  Add("demo", v1::Job::RUNNING);
  const RunResult run =
      Lockstep({"jobs", "label", "demo", "team=nlp", "note=a=b", "old-"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo labelled\n");
  const v1::UpdateJobRequest sent = coordinator_.jobs.updated();
  EXPECT_EQ(sent.job().labels().at("note"), "a=b");
  EXPECT_THAT(sent.update_mask().paths(),
              ElementsAre("labels.note", "labels.team", "labels.old"));
  for (const char* bad : {"team", "=x", "-"}) {
    const RunResult refused = Lockstep({"jobs", "label", "demo", "--", bad});
    EXPECT_EQ(refused.exit_code, 2) << bad;
    EXPECT_THAT(refused.err, HasSubstr("KEY=VALUE")) << bad;
  }
}

TEST_F(LockstepJobsTest, SetPrioritySendsOnlyThePriority) {
  Add("demo", v1::Job::QUEUED);
  const RunResult run = Lockstep({"jobs", "set-priority", "job/demo", "high"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo has priority high\n");
  const v1::UpdateJobRequest sent = coordinator_.jobs.updated();
  EXPECT_EQ(sent.job().priority(), v1::ResourceSpec::PRIORITY_HIGH);
  EXPECT_THAT(sent.update_mask().paths(), ElementsAre("priority"));
  const RunResult refused =
      Lockstep({"jobs", "set-priority", "demo", "urgent"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("low,normal,high"));
  EXPECT_EQ(Lockstep({"jobs", "set-priority", "none", "low"}).exit_code, 3);
}

TEST_F(LockstepJobsTest, SetQueueSendsOnlyTheQueue) {
  Add("demo", v1::Job::QUEUED);
  const RunResult run =
      Lockstep({"jobs", "set-queue", "demo", "queues/research"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo is in queue research\n");
  const v1::UpdateJobRequest sent = coordinator_.jobs.updated();
  EXPECT_EQ(sent.job().queue(), "research");
  EXPECT_THAT(sent.update_mask().paths(), ElementsAre("queue"));
  EXPECT_EQ(Lockstep({"jobs", "set-queue", "none", "research"}).exit_code, 3);
}

TEST_F(LockstepJobsTest, QueuesAreMadeListedChangedAndRemoved) {
  RunResult run = Lockstep(
      {"queues", "create", "research", "--gpu-quota", "4", "--weight", "2.5"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "queue/research created\n");
  ASSERT_EQ(coordinator_.cluster.queues.size(), 1);
  v1::Queue& queue = coordinator_.cluster.queues[0];
  EXPECT_EQ(queue.name(), "queues/research");
  EXPECT_EQ(queue.gpu_quota(), 4);
  EXPECT_FALSE(queue.has_cpu_quota());
  queue.set_gpus_used(3);
  queue.set_jobs_waiting(7);
  run = Lockstep({"queues", "list"});
  EXPECT_EQ(run.out,
            "NAME      GPUS  CPU SLOTS  WEIGHT  WAITING\n"
            "research  3/4   0          2.5     7\n");
  EXPECT_THAT(Lockstep({"queues", "list", "-o", "json"}).out,
              HasSubstr("\"gpu_quota\": 4"));

  run = Lockstep({"queues", "update", "research", "--cpu-quota", "none"});
  EXPECT_EQ(run.out, "queue/research updated\n");
  EXPECT_THAT(coordinator_.cluster.queue_update.update_mask().paths(),
              ElementsAre("cpu_quota"));
  EXPECT_FALSE(coordinator_.cluster.queue_update.queue().has_cpu_quota());

  EXPECT_EQ(Lockstep({"queues", "delete", "research"}).out,
            "queue/research deleted\n");
  EXPECT_THAT(coordinator_.cluster.queues, IsEmpty());
}

TEST_F(LockstepJobsTest, WhatIsWrongWithAQueueIsSaid) {
  EXPECT_EQ(Lockstep({"queues", "update", "research"}).exit_code, 2);
  const RunResult run =
      Lockstep({"queues", "create", "research", "--gpu-quota", "many"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err,
              HasSubstr("\"many\" is neither a number of devices nor none"));
  coordinator_.cluster.queue_error = errors::QueueNotFound("queues/research");
  for (const char* verb : {"create", "update", "delete"}) {
    std::vector<std::string> words = {"queues", verb, "research"};
    if (words[1] == "update") {
      words.insert(words.end(), {"--weight", "2"});
    }
    const RunResult refused = Lockstep(words);
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_THAT(refused.err, HasSubstr("queues/research does not exist"));
  }
}

TEST_F(LockstepJobsTest, CheckpointsArePinnedAndUnpinned) {
  const RunResult run = Lockstep({"checkpoints", "pin", "job/demo", "40"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "job/demo checkpoint 40 pinned\n");
  EXPECT_TRUE(coordinator_.jobs.pinned().checkpoint().pinned());
  EXPECT_THAT(coordinator_.jobs.pinned().update_mask().paths(),
              ElementsAre("pinned"));
  EXPECT_EQ(Lockstep({"checkpoints", "unpin", "demo", "40"}).out,
            "job/demo checkpoint 40 unpinned\n");
  EXPECT_FALSE(coordinator_.jobs.pinned().checkpoint().pinned());
  EXPECT_EQ(Lockstep({"checkpoints", "pin", "demo", "41"}).exit_code, 3);
  EXPECT_EQ(Lockstep({"checkpoints", "pin", "demo", "0"}).exit_code, 2);
}

TEST_F(LockstepJobsTest, EventsOfAJob) {
  Add("demo", v1::Job::FAILED);
  Happen(1, "JOB_CREATED");
  Happen(2, "STATE_CHANGED");
  const RunResult run = Lockstep({"events", "demo"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("JOB_CREATED"), HasSubstr("STATE_CHANGED")));
  const RunResult tail = Lockstep({"events", "demo", "--tail", "1", "-f"});
  EXPECT_EQ(tail.exit_code, 0) << tail.err;
  EXPECT_THAT(tail.out, Not(HasSubstr("JOB_CREATED")));
  EXPECT_THAT(Lockstep({"events", "-o", "json"}).out,
              HasSubstr("\"sequence\":\"1\""));
  // All jobs: each line says whose it is.
  EXPECT_THAT(Lockstep({"events"}).out, HasSubstr("demo "));
  EXPECT_EQ(Lockstep({"events", "none"}).exit_code, 3);
}

TEST_F(LockstepJobsTest, EventsGoOnUntilTheJobEnds) {
  Add("demo", v1::Job::RUNNING);
  Happen(1, "JOB_CREATED");
  // The first change is the snapshot's, which the list has told already.
  for (int64_t sequence : {1, 2, 3}) {
    v1::WatchJobsResponse& change = coordinator_.jobs.changes.emplace_back();
    change.mutable_job()->set_name("jobs/demo");
    change.mutable_job()->set_state(sequence == 3 ? v1::Job::SUCCEEDED
                                                  : v1::Job::RUNNING);
    change.mutable_event()->set_sequence(sequence);
    change.mutable_event()->set_type("T" + std::to_string(sequence) + ".");
  }
  coordinator_.jobs.hold_watch = true;
  coordinator_.jobs.event_after_watch.set_sequence(4);
  coordinator_.jobs.event_after_watch.set_type("LAST");
  const RunResult run = Lockstep({"events", "demo", "--follow"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("JOB_CREATED"), HasSubstr("T2."),
                             HasSubstr("T3."), HasSubstr("LAST")));
  EXPECT_THAT(coordinator_.jobs.watch_tokens(), ElementsAre("1"));
}

TEST_F(LockstepJobsTest, AWatchOfAllShowsADeletion) {
  v1::WatchJobsResponse& change = coordinator_.jobs.changes.emplace_back();
  change.set_type(v1::WatchJobsResponse::DELETED);
  change.mutable_job()->set_name("jobs/demo");
  change.mutable_event()->set_message("deleted");
  EXPECT_THAT(Lockstep({"watch"}).out, HasSubstr(" demo DELETED deleted\n"));
}

TEST_F(LockstepJobsTest, ServerStatusAndConfig) {
  v1::JobCount& running = *coordinator_.cluster.info.add_jobs();
  running.set_state(v1::Job::RUNNING);
  running.set_count(2);
  coordinator_.cluster.info.set_state_dir("/state");
  v1::Node& node = coordinator_.cluster.nodes.emplace_back();
  for (const char* job : {"jobs/a", ""}) {
    v1::Device& device = *node.add_devices();
    device.set_kind(v1::Device::CPU);
    device.set_job(job);
  }
  const RunResult status = Lockstep({"server", "status"});
  EXPECT_EQ(status.exit_code, 0) << status.err;
  EXPECT_THAT(status.out,
              AllOf(HasSubstr("0.1.0"), HasSubstr("2 running"),
                    HasSubstr("1 of 2 cpu in use"), HasSubstr("/state"),
                    HasSubstr("metrics   off")));
  EXPECT_THAT(Lockstep({"server", "status", "-o", "json"}).out,
              HasSubstr("\"version\": \"0.1.0\""));
  const RunResult config = Lockstep({"server", "config"});
  EXPECT_THAT(config.out, AllOf(HasSubstr("--cpu-slots"), HasSubstr("4")));
  EXPECT_THAT(Lockstep({"server", "config", "-o", "json"}).out,
              HasSubstr("\"name\": \"cpu-slots\""));
}

TEST_F(LockstepJobsTest, ServerDrainAndUndrain) {
  const RunResult run = Lockstep({"server", "drain"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "server drained\n");
  EXPECT_THAT(Lockstep({"server", "status"}).out,
              AllOf(HasSubstr("drained"), HasSubstr("nothing new starts")));
  EXPECT_EQ(Lockstep({"server", "drain", "--undrain"}).out,
            "server undrained\n");
  EXPECT_THAT(Lockstep({"server", "status"}).out, Not(HasSubstr("drained")));
  EXPECT_THAT(Lockstep({"server", "drain", "-o", "json"}).out,
              HasSubstr("\"drain_time\""));
  EXPECT_EQ(Lockstep({"server", "drain", "--let-run"}).exit_code, 0);
  for (const char* flag : {"--wait", "--let-run"}) {
    EXPECT_EQ(Lockstep({"server", "drain", "--undrain", flag}).exit_code, 2);
  }
  EXPECT_THAT(coordinator_.cluster.drains,
              ElementsAre("drain", "undrain", "drain", "drain, let run"));
}

TEST_F(LockstepJobsTest, ServerDrainWaitsUntilNothingRuns) {
  Add("waits", v1::Job::QUEUED);
  Add("done", v1::Job::SUCCEEDED);
  EXPECT_EQ(Lockstep({"server", "drain", "--wait"}).out,
            "server drained, and nothing runs\n");
}

TEST_F(LockstepJobsTest, ADrainedServerRefusesByName) {
  coordinator_.jobs.create_error = errors::Draining();
  Add("demo", v1::Job::FAILED);
  const RunResult run = Lockstep({"jobs", "retry", "demo"});
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.err, AllOf(HasSubstr("is drained"), HasSubstr("--undrain")));
}

TEST_F(LockstepJobsTest, ServerBackupWritesOneFile) {
  coordinator_.cluster.backup = std::string(3'000'000, 'x') + "end";
  const std::string path = coordinator_.folder() + "/copy.db";
  const RunResult run = Lockstep({"server", "backup", path});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("saved 2.9 MiB to " + path));
  std::ostringstream copy;
  copy << std::ifstream(path).rdbuf();
  EXPECT_EQ(copy.str(), coordinator_.cluster.backup);
  EXPECT_EQ(
      std::filesystem::status(path).permissions(),
      std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  // A file that is there stays.
  const RunResult again = Lockstep({"server", "backup", path});
  EXPECT_EQ(again.exit_code, 6);
  EXPECT_THAT(again.err, HasSubstr("exists already"));
}

TEST_F(LockstepJobsTest, ABackupThatBreaksLeavesNoFile) {
  coordinator_.cluster.backup = "half of it";
  coordinator_.cluster.backup_error = errors::Error(
      absl::StatusCode::kResourceExhausted, "BACKUP_FAILED", "disk is full");
  const std::string path = coordinator_.folder() + "/copy.db";
  const RunResult run = Lockstep({"server", "backup", path});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("disk is full"));
  for (const auto& entry :
       std::filesystem::directory_iterator(coordinator_.folder())) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("copy.db")));
  }
}

}  // namespace
}  // namespace lockstep::testing
