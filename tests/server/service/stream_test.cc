// The three streams of JobService.

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "tests/server/service/service_fixture.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
  for (const char* token : {"x", "-1", "4711"}) {
    Watch("", token, never);
    EXPECT_EQ(Reason(last_status_), "INVALID_RESUME_TOKEN") << token;
  }
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

class StreamMetricsTest : public ServiceFixture {
 protected:
  std::vector<int64_t> Seqs(const v1::StreamMetricsRequest& request,
                            size_t stop_at = 1 << 20) {
    TestContext context;
    const auto reader = jobs_->StreamMetrics(&context, request);
    std::vector<int64_t> seqs;
    v1::StreamMetricsResponse batch;
    while (seqs.size() < stop_at && reader->Read(&batch)) {
      for (const auto& point : batch.points()) seqs.push_back(point.seq());
      token_ = batch.resume_token();
    }
    if (seqs.size() >= stop_at) context.TryCancel();
    last_status_ = reader->Finish();
    return seqs;
  }

  std::string token_;
  grpc::Status last_status_;
};

TEST_F(StreamMetricsTest, GivesAllThatIsThereAndEnds) {
  Create("a");
  const std::string token = Prepare("a");
  v1::StreamMetricsRequest request;
  request.set_name("jobs/a");
  EXPECT_THAT(Seqs(request), IsEmpty());
  EXPECT_TRUE(last_status_.ok());
  Report(token, CallerOf("a", 1, 0), 1, 2);
  Report(token, CallerOf("a", 1, 0), 3, 4);
  EXPECT_THAT(Seqs(request), ElementsAre(1, 2, 3, 4));
  Report(token, CallerOf("a", 1, 0), 5, 5);
  request.set_resume_token(token_);
  EXPECT_THAT(Seqs(request), ElementsAre(5));
}

TEST_F(StreamMetricsTest, FollowsUntilTheJobEnds) {
  Create("a");
  const std::string token = Prepare("a");
  Report(token, CallerOf("a", 1, 0), 1, 1);
  v1::StreamMetricsRequest request;
  request.set_name("jobs/a");
  request.set_follow(true);
  TestContext context;
  const auto reader = jobs_->StreamMetrics(&context, request);
  v1::StreamMetricsResponse batch;
  ASSERT_TRUE(reader->Read(&batch));
  EXPECT_EQ(batch.points(0).seq(), 1);
  Report(token, CallerOf("a", 1, 0), 2, 2);
  ASSERT_TRUE(reader->Read(&batch));
  EXPECT_EQ(batch.points(0).seq(), 2);
  Report(token, CallerOf("a", 1, 0), 3, 3);
  EndAttempt("a", 0);
  ASSERT_TRUE(reader->Read(&batch));
  EXPECT_EQ(batch.points(0).seq(), 3);
  EXPECT_FALSE(reader->Read(&batch));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(StreamMetricsTest, RefusesBadNamesAndTokens) {
  Create("a");
  v1::StreamMetricsRequest request;
  request.set_name("jobs/none");
  Seqs(request);
  EXPECT_EQ(Reason(last_status_), "JOB_NOT_FOUND");
  request.set_name("jobs/a");
  request.set_resume_token("17");
  Seqs(request);
  EXPECT_EQ(Reason(last_status_), "INVALID_RESUME_TOKEN");
}

class StreamLogsTest : public ServiceFixture {
 protected:
  StreamLogsTest() { request_.set_name("jobs/a"); }

  // Everything that comes, until `stop_at` bytes.
  std::string Read(size_t stop_at = 1 << 30) {
    TestContext context;
    const auto reader = jobs_->StreamLogs(&context, request_);
    std::string text;
    v1::StreamLogsResponse piece;
    while (text.size() < stop_at && reader->Read(&piece)) {
      text += piece.data();
      token_ = piece.resume_token();
      attempts_.push_back(piece.attempt());
      EXPECT_LE(piece.data().size(), 1u << 20);
    }
    if (text.size() >= stop_at) context.TryCancel();
    last_status_ = reader->Finish();
    return text;
  }

  v1::StreamLogsRequest request_;
  std::string token_;
  std::vector<int> attempts_;
  grpc::Status last_status_;
};

TEST_F(StreamLogsTest, ReadsTheLogOfARank) {
  Create("a", 2);
  Prepare("a");
  WriteLog("a", 1, 0, "zero\n");
  WriteLog("a", 1, 1, "one\n");
  EXPECT_EQ(Read(), "zero\n");
  EXPECT_THAT(attempts_, ElementsAre(1));
  request_.set_rank(1);
  EXPECT_EQ(Read(), "one\n");
  request_.set_rank(2);
  Read();
  EXPECT_EQ(Reason(last_status_), "LOG_NOT_FOUND");
  request_.set_rank(0);
  request_.set_attempt(7);
  Read();
  EXPECT_EQ(Reason(last_status_), "LOG_NOT_FOUND");
}

TEST_F(StreamLogsTest, ReadsTheLogOfPrepare) {
  Create("a");
  request_.set_prepare(true);
  Read();
  EXPECT_EQ(Reason(last_status_), "LOG_NOT_FOUND");
  WritePrepareLog("a", "reading\n");
  EXPECT_EQ(Read(), "reading\n");
  EXPECT_EQ(token_, "0:8");
  request_.set_follow(true);
  std::thread writer([&] {
    WritePrepareLog("a", "done\n");
    Prepare("a");
  });
  EXPECT_EQ(Read(), "reading\ndone\n");
  EXPECT_TRUE(last_status_.ok());
  writer.join();
}

TEST_F(StreamLogsTest, GoesOnWhereItWas) {
  Create("a");
  Prepare("a");
  WriteLog("a", 1, 0, "one\ntwo\n");
  Read();
  EXPECT_EQ(token_, "1:8");
  WriteLog("a", 1, 0, "three\n");
  request_.set_resume_token(token_);
  EXPECT_EQ(Read(), "three\n");
}

TEST_F(StreamLogsTest, GivesTheLastLines) {
  Create("a");
  Prepare("a");
  WriteLog("a", 1, 0, "one\ntwo\nthree\n");
  request_.set_tail_lines(2);
  EXPECT_EQ(Read(), "two\nthree\n");
}

TEST_F(StreamLogsTest, CutsALongLogIntoPieces) {
  Create("a");
  Prepare("a");
  std::string text;
  while (text.size() < 3 << 20)
    absl::StrAppend(&text, "line ", text.size(), "\n");
  WriteLog("a", 1, 0, text);
  EXPECT_EQ(Read(), text);
  EXPECT_GE(attempts_.size(), 3u);
}

TEST_F(StreamLogsTest, FollowsOverAttemptsUntilTheJobEnds) {
  Create("a");
  request_.set_follow(true);
  TestContext context;
  // Before there is an attempt at all.
  const auto reader = jobs_->StreamLogs(&context, request_);
  Prepare("a");
  WriteLog("a", 1, 0, "first\n");
  v1::StreamLogsResponse piece;
  ASSERT_TRUE(reader->Read(&piece));
  EXPECT_EQ(piece.data(), "first\n");
  WriteLog("a", 1, 0, "no newline");
  EndAttempt("a", 1);
  ASSERT_TRUE(reader->Read(&piece));
  EXPECT_EQ(piece.data(), "no newline");
  launcher_.WaitForLaunch({"jobs/a", 2});
  WriteLog("a", 2, 0, "second\n");
  ASSERT_TRUE(reader->Read(&piece));
  EXPECT_EQ(piece.data(), "second\n");
  EXPECT_EQ(piece.attempt(), 2);
  EXPECT_EQ(piece.resume_token(), "2:7");
  WaitForState("a", v1::Job::STARTING);
  EndAttempt("a", 0);
  EXPECT_FALSE(reader->Read(&piece));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(StreamLogsTest, RefusesTokensThatItNeverGave) {
  Create("a");
  Prepare("a");
  WriteLog("a", 1, 0, "one\n");
  for (const char* token : {"x", "1", "1:x", "1:-1", "1:2:3", "0:0", "1:99"}) {
    request_.set_resume_token(token);
    Read();
    EXPECT_EQ(Reason(last_status_), "INVALID_RESUME_TOKEN") << token;
  }
  request_.clear_resume_token();
  request_.set_name("jobs/none");
  Read();
  EXPECT_EQ(Reason(last_status_), "JOB_NOT_FOUND");
}

}  // namespace
}  // namespace lockstep
