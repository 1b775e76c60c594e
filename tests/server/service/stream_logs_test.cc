// JobService's stream of logs.

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::ElementsAre;

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
      longest_piece_ = std::max(longest_piece_, piece.data().size());
    }
    if (text.size() >= stop_at) context.TryCancel();
    last_status_ = reader->Finish();
    return text;
  }

  v1::StreamLogsRequest request_;
  std::string token_;
  std::vector<int> attempts_;
  size_t longest_piece_ = 0;
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

TEST_F(StreamLogsTest, GivesTheLinesSinceAMoment) {
  Create("a");
  Prepare("a");
  WriteLog("a", 1, 0,
           "1970-01-01T00:00:10.000Z one\n1970-01-01T00:00:20.000Z two\n"
           "goes on\n1970-01-01T00:00:30.000Z three\n");
  request_.mutable_since()->set_seconds(20);
  EXPECT_EQ(Read(),
            "1970-01-01T00:00:20.000Z two\ngoes on\n"
            "1970-01-01T00:00:30.000Z three\n");
  // Of both the later.
  request_.set_tail_lines(1);
  EXPECT_EQ(Read(), "1970-01-01T00:00:30.000Z three\n");
  request_.mutable_since()->set_seconds(31);
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(last_status_.ok());
  request_.set_resume_token("1:0");
  EXPECT_EQ(Read(),
            "1970-01-01T00:00:10.000Z one\n1970-01-01T00:00:20.000Z two\n"
            "goes on\n1970-01-01T00:00:30.000Z three\n");
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
  EXPECT_LE(longest_piece_, 32u << 10);
}

TEST_F(StreamLogsTest, AVeryLongLineComesInPieces) {
  Create("a");
  Prepare("a");
  std::string line;
  line.resize(10'000'000, 'x');
  line += '\n';
  WriteLog("a", 1, 0, "before\n" + line);
  request_.set_tail_lines(1);
  EXPECT_TRUE(Read() == line);  // Nobody wants to see both.
  EXPECT_LE(longest_piece_, 32u << 10);
  EXPECT_EQ(token_, absl::StrCat("1:", 7 + line.size()));

  // Followed, it goes out while it is being written.
  request_.clear_tail_lines();
  request_.set_resume_token(token_);
  request_.set_follow(true);
  std::string more;
  more.resize(10'000'000, 'y');
  WriteLog("a", 1, 0, more);
  EXPECT_GE(Read(/*stop_at=*/9'000'000).size(), 9'000'000u);
  EXPECT_LE(longest_piece_, 32u << 10);
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
