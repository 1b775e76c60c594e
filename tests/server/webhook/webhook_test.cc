#include "server/webhook/webhook.h"

#include <deque>
#include <fstream>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/memory_job_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/store_writes.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Whoever is told, and answers as a test wants.
class Receiver {
 public:
  // The answers to come; 200 when there is none left.
  void Answer(std::vector<absl::StatusOr<int>> answers) {
    absl::MutexLock lock(&mu_);
    answers_ = {answers.begin(), answers.end()};
  }
  // The names of jobs that it was told of so far, also in vain.
  std::vector<std::string> WaitFor(size_t posts) {
    absl::MutexLock lock(&mu_);
    const auto told = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return ids_.size() >= posts;
    };
    mu_.Await(absl::Condition(&told));
    return ids_;
  }
  HttpRequest last() {
    absl::MutexLock lock(&mu_);
    return last_;
  }

  Webhook::Post post() {
    return [this](const HttpRequest& request, const std::atomic<bool>&) {
      absl::MutexLock lock(&mu_);
      ids_.push_back(request.headers.at(0));
      last_ = request;
      if (answers_.empty()) return absl::StatusOr<int>(200);
      absl::StatusOr<int> answer = answers_.front();
      answers_.pop_front();
      return answer;
    };
  }

 private:
  absl::Mutex mu_;
  std::deque<absl::StatusOr<int>> answers_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> ids_ ABSL_GUARDED_BY(mu_);
  HttpRequest last_ ABSL_GUARDED_BY(mu_);
};

class WebhookTest : public ::testing::Test {
 protected:
  void Start() {
    WebhookOptions options;
    options.settings = {"http://h/", std::string(24, 'k')};
    options.cursor_path = cursor_;
    options.first_backoff = absl::Milliseconds(1);
    auto webhook = Webhook::Start(options, clock_, events_,
                                  store_.LastSequence(), receiver_.post());
    ASSERT_TRUE(webhook.ok()) << webhook.status();
    webhook_ = *std::move(webhook);
  }

  // Writes a job, and journals that its state changed.
  void Change(const std::string& id, v1::Job::State state) {
    clock_.Advance(absl::Seconds(1));
    server::JobRecord record = testing::Record(id, ++versions_[id], state);
    StoreWrite write;
    v1::Event event = testing::EventOf(id, "STATE_CHANGED");
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(clock_.WallTime()));
    if (state == v1::Job::SUCCEEDED || state == v1::Job::FAILED) {
      *record.mutable_job()->mutable_end_time() = event.time();
    }
    write.jobs.push_back(MakeJobRow(record));
    write.events.push_back(event);
    Publish(std::move(write));
  }
  void Publish(StoreWrite write) {
    auto entries = testing::CommitAndWait(store_, std::move(write));
    ASSERT_TRUE(entries.ok()) << entries.status();
    events_.Publish(*std::move(entries));
  }

  testing::ScopedTempDir dir_;
  const std::string cursor_ = dir_.Path("webhook.cursor");
  testing::FakeClock clock_;
  MemoryJobStore store_;
  EventLog events_{store_, 4};
  std::map<std::string, int64_t> versions_;
  Receiver receiver_;
  std::unique_ptr<Webhook> webhook_;
};

TEST_F(WebhookTest, EachEndIsToldOnceAndNothingElse) {
  Change("before", v1::Job::SUCCEEDED);
  Start();
  Change("a", v1::Job::QUEUED);
  Change("b", v1::Job::QUEUED);
  Change("a", v1::Job::RUNNING);
  Change("b", v1::Job::SUCCEEDED);
  clock_.Advance(absl::Seconds(1));
  // Of a job that has ended, and not its end.
  StoreWrite label;
  label.events.push_back(testing::EventOf("b", "LABELS_CHANGED"));
  Publish(std::move(label));
  Change("a", v1::Job::FAILED);
  EXPECT_THAT(receiver_.WaitFor(2),
              ElementsAre("webhook-id: uid-b", "webhook-id: uid-a"));
  EXPECT_EQ(receiver_.last().url, "http://h/");
  EXPECT_THAT(receiver_.last().headers,
              ElementsAre("webhook-id: uid-a", HasSubstr("webhook-timestamp: "),
                          HasSubstr("webhook-signature: v1,"),
                          "content-type: application/json"));
  EXPECT_THAT(receiver_.last().body, HasSubstr(R"("state":"FAILED")"));
}

TEST_F(WebhookTest, WhatIsNotTakenIsToldAgainInOrder) {
  receiver_.Answer({absl::UnavailableError("timeout"), 500, 429});
  Start();
  Change("a", v1::Job::SUCCEEDED);
  Change("b", v1::Job::SUCCEEDED);
  EXPECT_THAT(
      receiver_.WaitFor(5),
      ElementsAre("webhook-id: uid-a", "webhook-id: uid-a", "webhook-id: uid-a",
                  "webhook-id: uid-a", "webhook-id: uid-b"));
}

TEST_F(WebhookTest, WhatIsTooOldOrNotWantedIsGivenUp) {
  receiver_.Answer({410, 500});
  Start();
  Change("unwanted", v1::Job::SUCCEEDED);
  receiver_.WaitFor(1);
  StoreWrite write;
  server::JobRecord old = testing::Record("old", 1, v1::Job::SUCCEEDED);
  v1::Event event = testing::EventOf("old", "STATE_CHANGED");
  event.mutable_time()->set_seconds(
      absl::ToUnixSeconds(clock_.WallTime() - absl::Hours(24)));
  *old.mutable_job()->mutable_end_time() = event.time();
  write.jobs.push_back(MakeJobRow(old));
  write.events.push_back(event);
  Publish(std::move(write));
  Change("next", v1::Job::SUCCEEDED);
  EXPECT_THAT(receiver_.WaitFor(3),
              ElementsAre("webhook-id: uid-unwanted", "webhook-id: uid-old",
                          "webhook-id: uid-next"));
}

TEST_F(WebhookTest, ARestartTellsWhatWasNotTaken) {
  Start();
  Change("a", v1::Job::SUCCEEDED);
  receiver_.WaitFor(1);
  receiver_.Answer({500});
  Change("b", v1::Job::SUCCEEDED);
  receiver_.WaitFor(2);
  webhook_.reset();
  // While nobody looked; more than the log holds.
  for (int i = 0; i < 6; ++i) Change(absl::StrCat("c", i), v1::Job::QUEUED);
  Change("c0", v1::Job::SUCCEEDED);
  Start();
  const std::vector<std::string> told = receiver_.WaitFor(4);
  EXPECT_EQ(told[0], "webhook-id: uid-a");
  // b was told again, as often as the first life still tried.
  EXPECT_EQ(told[told.size() - 2], "webhook-id: uid-b");
  EXPECT_EQ(told.back(), "webhook-id: uid-c0");
}

TEST_F(WebhookTest, ADamagedCursorIsRefused) {
  std::ofstream(cursor_) << "x\n";
  const auto webhook =
      Webhook::Start({.cursor_path = cursor_}, clock_, events_, 0);
  EXPECT_TRUE(absl::IsDataLoss(webhook.status()));
  EXPECT_THAT(std::string(webhook.status().message()), HasSubstr(cursor_));
}

TEST_F(WebhookTest, AFolderThatCannotBeWrittenIsRefused) {
  const auto webhook = Webhook::Start({.cursor_path = dir_.Path("none/cursor")},
                                      clock_, events_, 0);
  EXPECT_THAT(std::string(webhook.status().message()),
              HasSubstr("none/cursor.new"));
}

}  // namespace
}  // namespace lockstep
