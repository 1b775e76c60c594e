// The thread around Step, with a store in memory that can be made to wait and
// to fail. What Step decides is tested in step_test.cc.

#include "server/scheduler/scheduler.h"

#include <future>
#include <memory>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "server/events/event_log.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/scheduler/queue_policy.h"
#include "server/scheduler/rank_watch.h"
#include "server/scheduler/scheduler_options.h"
#include "server/store/memory_job_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_launcher.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Commits only when it is told to.
class HeldStore : public JobStore {
 public:
  void Commit(StoreWrite write, Done done) override {
    absl::MutexLock lock(&mu_);
    if (!held_) return store_.Commit(std::move(write), std::move(done));
    waiting_.emplace_back(std::move(write), std::move(done));
  }
  absl::StatusOr<std::vector<JobRow>> LoadAll() override {
    return store_.LoadAll();
  }
  absl::StatusOr<JobRow> FindRow(absl::string_view name) const override {
    return store_.FindRow(name);
  }
  absl::StatusOr<JobPage> List(const ListJobsQuery& query) const override {
    return store_.List(query);
  }
  absl::StatusOr<std::vector<v1::Checkpoint>> ListCheckpoints(
      absl::string_view job_name) const override {
    return store_.ListCheckpoints(job_name);
  }
  absl::StatusOr<std::vector<JournalEntry>> ReadJournal(
      int64_t after, int limit, absl::string_view job_name) const override {
    return store_.ReadJournal(after, limit, job_name);
  }
  absl::StatusOr<std::vector<std::string>> Unforgotten() const override {
    return store_.Unforgotten();
  }
  std::vector<server::QueueRecord> Queues() const override {
    return store_.Queues();
  }
  server::CoordinatorRecord Coordinator() const override {
    return store_.Coordinator();
  }
  int64_t LastSequence() const override { return store_.LastSequence(); }
  void UpdateProgress(absl::string_view name,
                      const v1::Progress& progress) override {
    store_.UpdateProgress(name, progress);
  }
  void UpdateGoodput(absl::string_view name, const v1::Goodput& goodput,
                     const server::TimeAccount& account) override {
    store_.UpdateGoodput(name, goodput, account);
  }

  absl::Status CheckRoom(Demand) const override {
    absl::MutexLock lock(&mu_);
    if (!full_) return absl::OkStatus();
    ++refusals_;
    return errors::Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
                         "no room");
  }

  void Hold() {
    absl::MutexLock lock(&mu_);
    held_ = true;
  }
  // What is asked is refused, what is decided waits.
  void FillUp() {
    absl::MutexLock lock(&mu_);
    held_ = true;
    full_ = true;
    refusals_ = 0;
  }
  // Whoever asks in a loop has then acted on the first answer.
  void WaitForTwoRefusals() {
    const auto twice = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return refusals_ >= 2;
    };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&twice));
  }
  void WaitForWrites(size_t count) {
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return waiting_.size() >= count;
    };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&enough));
  }
  void LetThrough() {
    absl::MutexLock lock(&mu_);
    held_ = false;
    full_ = false;
    for (auto& [write, done] : waiting_) {
      store_.Commit(std::move(write), std::move(done));
    }
    waiting_.clear();
  }
  // These, and all that follow.
  void Fail() {
    std::vector<std::pair<StoreWrite, Done>> waiting;
    {
      absl::MutexLock lock(&mu_);
      waiting.swap(waiting_);
    }
    for (auto& [write, done] : waiting) {
      done(errors::StoreUnavailable("disk full"));
    }
  }

 private:
  MemoryJobStore store_;
  mutable absl::Mutex mu_;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  bool full_ ABSL_GUARDED_BY(mu_) = false;
  mutable int refusals_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::pair<StoreWrite, Done>> waiting_ ABSL_GUARDED_BY(mu_);
};

class SchedulerTest : public ::testing::Test {
 protected:
  void Start() {
    options_.tick = absl::Milliseconds(5);
    scheduler_ = std::make_unique<Scheduler>(
        options_, Scheduler::Parts{.clock = deadline_clock_,
                                   .store = store_,
                                   .events = events_,
                                   .launcher = launcher_,
                                   .rendezvous = rendezvous_,
                                   .tokens = tokens_,
                                   .policy = policy_});
    ASSERT_TRUE(scheduler_->Start().ok());
  }

  std::future<absl::StatusOr<SharedJob>> Create(const std::string& id,
                                                int time_limit_seconds = 0) {
    Scheduler::CreateJob request;
    request.job_id = id;
    request.owner = "local";
    v1::ResourceSpec& resources = *request.spec.mutable_resources();
    resources.set_ranks(1);
    if (time_limit_seconds > 0) {
      resources.mutable_timeout()->set_seconds(time_limit_seconds);
    }
    auto promise = std::make_shared<std::promise<absl::StatusOr<SharedJob>>>();
    scheduler_->Create(std::move(request),
                       [promise](absl::StatusOr<SharedJob> job) {
                         promise->set_value(std::move(job));
                       });
    return promise->get_future();
  }

  // As prepare would with its token.
  void Prepare(const std::string& id) {
    worker::v1::ReportPreparedRequest report;
    report.mutable_caller()->set_job("jobs/" + id);
    report.mutable_plan()->set_steps(4);
    scheduler_->Prepared(std::move(report), [](const absl::Status&) {});
  }

  void WaitForState(const std::string& id, v1::Job::State state) {
    while (store_.Get("jobs/" + id)->state() != state) {
      std::this_thread::yield();
    }
  }

  SchedulerOptions options_;
  testing::FakeClock clock_;
  DeadlineClock deadline_clock_{clock_};
  HeldStore store_;
  EventLog events_{store_, 100};
  testing::FakeLauncher launcher_{2};
  Rendezvous rendezvous_{deadline_clock_};
  AttemptTokens tokens_;
  const QueuePolicy policy_{};
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, OkMeansOnDiskAndNothingStartsBefore) {
  Start();
  store_.Hold();
  auto created = Create("a");
  store_.WaitForWrites(1);
  EXPECT_EQ(created.wait_for(std::chrono::seconds(0)),
            std::future_status::timeout);
  EXPECT_TRUE(absl::IsNotFound(store_.Get("jobs/a").status()));
  store_.LetThrough();
  EXPECT_TRUE(created.get().ok());
  const LaunchRequest launch = launcher_.WaitForLaunch({"jobs/a", 0});
  EXPECT_EQ(tokens_.Find(launch.token), (AttemptRef{"jobs/a", 0}));
}

TEST_F(SchedulerTest, WhatIsNotOnDiskDoesNotHappen) {
  Start();
  store_.Hold();
  auto first = Create("a");
  auto second = Create("b");
  store_.WaitForWrites(2);
  store_.Fail();
  for (auto* created : {&first, &second}) {
    const absl::Status status = created->get().status();
    EXPECT_EQ(ErrorReason(status), "STORE_UNAVAILABLE");
    EXPECT_THAT(std::string(status.message()), HasSubstr("disk full"));
  }
  // Nothing is decided any more: memory is ahead of the disk.
  EXPECT_EQ(ErrorReason(Create("c").get().status()), "STORE_UNAVAILABLE");
  scheduler_.reset();
  EXPECT_TRUE(launcher_.signals().empty());
}

TEST_F(SchedulerTest, AFullDiskRefusesWishesAndKeepsDecisions) {
  Start();
  store_.FillUp();
  EXPECT_EQ(ErrorReason(Create("a").get().status()), "STORE_FULL");
  std::promise<absl::Status> cancelled;
  scheduler_->Cancel({}, "jobs/a", "",
                     [&](const absl::StatusOr<SharedJob>& job) {
                       cancelled.set_value(job.status());
                     });
  EXPECT_EQ(ErrorReason(cancelled.get_future().get()), "STORE_FULL");

  store_.LetThrough();
  ASSERT_TRUE(Create("a").get().ok());
  launcher_.WaitForLaunch({"jobs/a", 0});
  store_.FillUp();
  // What a worker says is no wish.
  Prepare("a");
  store_.WaitForWrites(1);
  EXPECT_EQ(store_.Get("jobs/a")->state(), v1::Job::PREPARING);
  store_.LetThrough();
  launcher_.WaitForLaunch({"jobs/a", 1});
}

// They could not do what they have the time for.
TEST_F(SchedulerTest, WhileTheDiskIsFullNobodysTimeRunsOut) {
  Start();
  for (const auto& [id, seconds] : {std::pair("long", 100), {"short", 30}}) {
    ASSERT_TRUE(Create(id, seconds).get().ok());
    launcher_.WaitForLaunch({std::string("jobs/") + id, 0});
    Prepare(id);
    launcher_.WaitForLaunch({std::string("jobs/") + id, 1});
  }
  store_.FillUp();
  store_.WaitForTwoRefusals();
  // Longer than ranks may take to join, too.
  clock_.Advance(absl::Seconds(70) + options_.rendezvous_timeout);
  store_.LetThrough();
  ASSERT_TRUE(Create("taken").get().ok());

  const auto command = [&](const std::string& job) {
    worker::v1::Caller caller;
    caller.set_job("jobs/" + job);
    caller.set_attempt(1);
    return scheduler_->CommandFor(caller);
  };
  EXPECT_EQ(command("short"),
            worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED);
  clock_.Advance(absl::Seconds(31));
  while (command("short") ==
         worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED) {
    std::this_thread::yield();
  }
  EXPECT_EQ(command("long"),
            worker::v1::HeartbeatResponse::COMMAND_UNSPECIFIED);
}

TEST_F(SchedulerTest, AFullDiskDoesNotKeepItFromStopping) {
  Start();
  ASSERT_TRUE(Create("a").get().ok());
  launcher_.WaitForLaunch({"jobs/a", 0});
  store_.FillUp();
  Prepare("a");
  store_.WaitForWrites(1);

  scheduler_.reset();

  EXPECT_EQ(store_.Get("jobs/a")->state(), v1::Job::PREPARING);
}

TEST_F(SchedulerTest, WhoWaitsWhenItStopsIsAnswered) {
  Start();
  store_.Hold();
  auto created = Create("a");
  store_.WaitForWrites(1);
  std::thread stop([&] { scheduler_.reset(); });
  store_.LetThrough();
  stop.join();
  EXPECT_TRUE(created.get().ok());
}

TEST_F(SchedulerTest, ShowsWhoHoldsADevice) {
  Start();
  ASSERT_TRUE(Create("a").get().ok());
  launcher_.WaitForLaunch({"jobs/a", 0});
  EXPECT_EQ(scheduler_->Nodes()[0].devices(0).job(), "");
  Prepare("a");
  launcher_.WaitForLaunch({"jobs/a", 1});
  EXPECT_EQ(scheduler_->Nodes()[0].devices(0).job(), "jobs/a");
  EXPECT_EQ(scheduler_->Nodes()[0].devices(1).job(), "");
}

TEST_F(SchedulerTest, DevicesThatOthersUseAreLeftAloneUntilTheyAreGone) {
  Start();
  launcher_.TellUses({{"cpu:0", "process 7"}});
  ASSERT_TRUE(Create("a").get().ok());
  launcher_.WaitForLaunch({"jobs/a", 0});
  Prepare("a");
  const LaunchRequest beside = launcher_.WaitForLaunch({"jobs/a", 1});
  EXPECT_EQ(beside.ranks[0].device(), "cpu:1");
  EXPECT_EQ(scheduler_->Nodes()[0].devices(0).used_by(), "process 7");

  ASSERT_TRUE(Create("b").get().ok());
  launcher_.WaitForLaunch({"jobs/b", 0});
  Prepare("b");
  launcher_.TellUses({});

  const LaunchRequest after = launcher_.WaitForLaunch({"jobs/b", 1});
  EXPECT_EQ(after.ranks[0].device(), "cpu:0");
}

TEST_F(SchedulerTest, RanksThatDoNotJoinAreStopped) {
  Start();
  ASSERT_TRUE(Create("a").get().ok());
  launcher_.WaitForLaunch({"jobs/a", 0});
  Prepare("a");
  launcher_.WaitForLaunch({"jobs/a", 1});
  clock_.Advance(options_.rendezvous_timeout);
  while (launcher_.signals().empty()) std::this_thread::yield();
  EXPECT_EQ(launcher_.signals()[0],
            std::make_pair(AttemptRef{"jobs/a", 1}, false));
  EXPECT_EQ(scheduler_->CommandFor([] {
    worker::v1::Caller caller;
    caller.set_job("jobs/a");
    caller.set_attempt(1);
    return caller;
  }()),
            worker::v1::HeartbeatResponse::STOP);
}

TEST_F(SchedulerTest, ALaunchThatFailsEndsTheJob) {
  Start();
  launcher_.FailLaunches(absl::NotFoundError("no lockstep-worker"));
  ASSERT_TRUE(Create("a").get().ok());
  WaitForState("a", v1::Job::FAILED);
  EXPECT_THAT(store_.Get("jobs/a")->error().message(),
              HasSubstr("no lockstep-worker"));
}

TEST_F(SchedulerTest, AnotherLifeRemovesWhatADeletedJobLeft) {
  launcher_.FailRemovals(absl::PermissionDeniedError("not today"));
  Start();
  launcher_.FailLaunches(absl::NotFoundError("no lockstep-worker"));
  ASSERT_TRUE(Create("a").get().ok());
  WaitForState("a", v1::Job::FAILED);
  std::promise<absl::StatusOr<SharedJob>> deleted;
  scheduler_->Delete({}, "jobs/a", "", [&](absl::StatusOr<SharedJob> job) {
    deleted.set_value(std::move(job));
  });
  const absl::StatusOr<SharedJob> job = deleted.get_future().get();
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ((*job)->state(), v1::Job::FAILED);
  scheduler_.reset();
  EXPECT_THAT(*store_.Unforgotten(), ElementsAre((*job)->uid()));
  // It still cannot.
  Start();
  scheduler_.reset();
  EXPECT_THAT(*store_.Unforgotten(), ElementsAre((*job)->uid()));
  launcher_.FailRemovals(absl::OkStatus());
  Start();
  launcher_.WaitForRemoval((*job)->uid());
  scheduler_.reset();
  EXPECT_THAT(*store_.Unforgotten(), IsEmpty());
}

TEST_F(SchedulerTest, AnotherLifeGoesOnWithWhatLives) {
  Start();
  ASSERT_TRUE(Create("a").get().ok());
  launcher_.WaitForLaunch({"jobs/a", 0});
  Prepare("a");
  launcher_.WaitForLaunch({"jobs/a", 1});
  scheduler_.reset();
  tokens_.Remove({"jobs/a", 1});
  rendezvous_.Close({"jobs/a", 1});
  // This time the process is gone.
  Start();
  WaitForState("a", v1::Job::QUEUED);
  clock_.Advance(absl::Seconds(1));
  launcher_.WaitForLaunch({"jobs/a", 2});
  EXPECT_EQ(store_.Get("jobs/a")->attempts(0).end_cause(), v1::Attempt::LOST);
  EXPECT_EQ(store_.Get("jobs/a")->restarts(), 0);
}

// Its stream may have broken, as that of one that is silent.
TEST_F(SchedulerTest, ARankWhoseProcessHasEndedIsNotSilent) {
  Start();
  ASSERT_TRUE(Create("a").get().ok());
  Prepare("a");
  launcher_.WaitForLaunch({"jobs/a", 1});
  worker::v1::JoinRequest join;
  join.mutable_caller()->set_job("jobs/a");
  join.mutable_caller()->set_attempt(1);
  join.set_incarnation("one");
  rendezvous_.Join(join, [](const absl::StatusOr<int>&) {});
  while (scheduler_->Ranks().empty()) std::this_thread::yield();

  worker::v1::AttachRequest report;
  report.mutable_caller()->set_job("jobs/a");
  report.mutable_caller()->set_attempt(1);
  report.add_ranks()->set_pid(7);
  scheduler_->SupervisorAttached(report, [](const absl::Status&) {});
  EXPECT_FALSE(scheduler_->Ranks()[0].left);
  report.mutable_ranks(0)->set_exited(true);
  scheduler_->SupervisorAttached(report, [](const absl::Status&) {});

  ASSERT_EQ(scheduler_->Ranks().size(), 1);
  EXPECT_TRUE(scheduler_->Ranks()[0].left);
}

}  // namespace
}  // namespace lockstep
