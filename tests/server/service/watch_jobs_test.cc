// JobService's stream of changes.

#include <chrono>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "tests/server/service/service_fixture.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;

class WatchJobsTest : public ServiceFixture {
 protected:
  // Watches until `done`; returns what came.
  std::vector<v1::WatchJobsResponse> Watch(
      const std::string& name, const std::string& token,
      const std::function<bool(const v1::WatchJobsResponse&)>& done) {
    v1::WatchJobsRequest request;
    request.set_name(name);
    request.set_resume_token(token);
    TestContext context;
    const auto reader = jobs_->WatchJobs(&context, request);
    std::vector<v1::WatchJobsResponse> changes;
    v1::WatchJobsResponse change;
    while (reader->Read(&change)) {
      changes.push_back(change);
      if (done(change)) {
        context.TryCancel();
        break;
      }
    }
    last_status_ = reader->Finish();
    return changes;
  }

  static bool IsBookmark(const v1::WatchJobsResponse& change) {
    return change.type() == v1::WatchJobsResponse::BOOKMARK;
  }

  grpc::Status last_status_;
};

// It is read here, and not by gRPC.
TEST_F(WatchJobsTest, BytesThatAreNoRequestAreRefused) {
  grpc::GenericStub stub(server_->InProcessChannel(grpc::ChannelArguments()));
  TestContext context;
  grpc::CompletionQueue queue;
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
  };
  const auto call =
      stub.PrepareCall(&context, "/lockstep.v1.JobService/WatchJobs", &queue);
  call->StartCall(nullptr);
  wait();
  const grpc::Slice half("\xff\xff");
  call->WriteLast(grpc::ByteBuffer(&half, 1), grpc::WriteOptions(), nullptr);
  wait();
  call->Finish(&last_status_, nullptr);
  wait();
  EXPECT_EQ(last_status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WatchJobsTest, BeginsWithTheJobsAsTheyAre) {
  for (int i = 0; i < 230; ++i) {
    ASSERT_TRUE(testing::CommitAndWait(store_, testing::WriteOf(testing::Record(
                                                   absl::StrCat("job-", i))))
                    .ok());
  }
  const auto changes = Watch("", "", IsBookmark);
  ASSERT_EQ(changes.size(), 231u);
  for (int i = 0; i < 230; ++i) {
    EXPECT_EQ(changes[i].type(), v1::WatchJobsResponse::ADDED);
    EXPECT_EQ(changes[i].job().name(), absl::StrCat("jobs/job-", 229 - i));
    EXPECT_EQ(changes[i].resume_token(), i == 229 ? "230" : "");
  }
  EXPECT_EQ(changes[230].resume_token(), "230");
}

TEST_F(WatchJobsTest, GivesATokenAlsoWhenThereIsNoJob) {
  const auto changes = Watch("", "", [](const auto&) { return true; });
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].type(), v1::WatchJobsResponse::BOOKMARK);
  EXPECT_EQ(changes[0].resume_token(), "0");
}

TEST_F(WatchJobsTest, TellsEachChangeOnceAlsoAcrossAResume) {
  Create("a");
  Create("other");
  Prepare("a");
  EndAttempt("a", 0);
  WaitForState("a", v1::Job::SUCCEEDED);
  std::vector<int64_t> all;
  const auto entries = store_.ReadJournal(0, 1000, "jobs/a");
  for (const JournalEntry& entry : *entries) {
    all.push_back(entry.event.sequence());
  }
  ASSERT_GE(all.size(), 5u);
  // From the beginning, broken off after every possible number of changes.
  for (size_t cut = 1; cut < all.size(); ++cut) {
    std::vector<int64_t> seen;
    std::string token = "0";
    size_t count = 0;
    const auto note = [&](const v1::WatchJobsResponse& change) {
      EXPECT_EQ(change.job().name(), "jobs/a");
      seen.push_back(change.event().sequence());
      token = change.resume_token();
      return ++count == cut || seen.size() == all.size();
    };
    Watch("jobs/a", token, note);
    Watch("jobs/a", token, note);
    EXPECT_EQ(seen, all);
  }
}

TEST_F(WatchJobsTest, TellsChangesAsTheyHappen) {
  Create("a");
  v1::WatchJobsRequest request;
  request.set_name("jobs/a");
  TestContext context;
  const auto reader = jobs_->WatchJobs(&context, request);
  v1::WatchJobsResponse change;
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.type(), v1::WatchJobsResponse::ADDED);
  Prepare("a");
  std::vector<v1::Job::State> states;
  while (reader->Read(&change)) {
    if (IsBookmark(change)) continue;
    EXPECT_EQ(change.type(), v1::WatchJobsResponse::MODIFIED);
    states.push_back(change.job().state());
    if (change.job().state() == v1::Job::STARTING) break;
  }
  EXPECT_EQ(states.back(), v1::Job::STARTING);
  context.TryCancel();
}

// In one process messages go another way.
TEST_F(WatchJobsTest, ThroughASocketTheFirstOfManyComeAtOnce) {
  Create("a");
  Create("b");
  const auto jobs = v1::JobService::NewStub(
      grpc::CreateChannel(address(), grpc::InsecureChannelCredentials()));
  for (const char* token : {"", "0"}) {
    TestContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(30));
    v1::WatchJobsRequest request;
    request.set_resume_token(token);
    const auto reader = jobs->WatchJobs(&context, request);
    v1::WatchJobsResponse change;
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(reader->Read(&change)) << "token '" << token << "'";
      EXPECT_NE(change.type(), v1::WatchJobsResponse::BOOKMARK);
    }
    context.TryCancel();
  }
}

TEST_F(WatchJobsTest, SaysWhenNothingHappens) {
  Create("a");
  int bookmarks = 0;
  Watch("jobs/a", "", [&](const v1::WatchJobsResponse& change) {
    return IsBookmark(change) && ++bookmarks == 3;
  });
  EXPECT_EQ(bookmarks, 3);
}

TEST_F(WatchJobsTest, RefusesWhatItCannotWatch) {
  const auto never = [](const auto&) { return false; };
  Watch("jobs/none", "", never);
  EXPECT_EQ(Reason(last_status_), "JOB_NOT_FOUND");
  Watch("none", "", never);
  EXPECT_EQ(Reason(last_status_), "INVALID_NAME");
  for (const char* token : {"x", "-1", "9223372036854775808"}) {
    Watch("", token, never);
    EXPECT_EQ(Reason(last_status_), "INVALID_RESUME_TOKEN") << token;
  }
}

// Of a store that went back to a backup: the client lists again.
TEST_F(WatchJobsTest, ATokenAheadOfTheJournalHasExpired) {
  Create("a");
  Watch("", "4711", [](const auto&) { return false; });
  EXPECT_EQ(last_status_.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(Reason(last_status_), "RESUME_TOKEN_EXPIRED");
  EXPECT_THAT(last_status_.error_message(),
              ::testing::HasSubstr("\"4711\" is ahead"));
}

TEST_F(WatchJobsTest, EndsWithTheCoordinator) {
  bool stopped = false;
  Watch("", "", [&](const auto&) {
    if (!std::exchange(stopped, true)) pump_.Stop();
    return false;
  });
  EXPECT_EQ(last_status_.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Reason(last_status_), "SHUTTING_DOWN");
}

// A watcher that never reads holds nobody up.
TEST_F(WatchJobsTest, AStuckWatcherDelaysNobody) {
  Create("a");
  std::vector<std::unique_ptr<TestContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchJobsResponse>>> stuck;
  for (int i = 0; i < 20; ++i) {
    contexts.push_back(std::make_unique<TestContext>());
    stuck.push_back(jobs_->WatchJobs(contexts.back().get(), {}));
  }
  for (int i = 0; i < 200; ++i) {
    StoreWrite write;
    write.events = {testing::EventOf("a", "X")};
    events_.Publish(*testing::CommitAndWait(store_, write));
  }
  Prepare("a");
  EndAttempt("a", 0);
  WaitForState("a", v1::Job::SUCCEEDED);
  for (auto& context : contexts) context->TryCancel();
}

TEST_F(WatchJobsTest, EveryStreamIsChecked) {
  TestContext watch("");
  v1::WatchJobsResponse change;
  const auto changes = jobs_->WatchJobs(&watch, {});
  EXPECT_FALSE(changes->Read(&change));
  EXPECT_EQ(Reason(changes->Finish()), "TOKEN_MISSING");
  TestContext metrics("");
  v1::StreamMetricsResponse batch;
  const auto points = jobs_->StreamMetrics(&metrics, {});
  EXPECT_FALSE(points->Read(&batch));
  EXPECT_EQ(Reason(points->Finish()), "TOKEN_MISSING");
  TestContext logs("");
  v1::StreamLogsResponse lines;
  const auto pieces = jobs_->StreamLogs(&logs, {});
  EXPECT_FALSE(pieces->Read(&lines));
  EXPECT_EQ(Reason(pieces->Finish()), "TOKEN_MISSING");
}

}  // namespace
}  // namespace lockstep
