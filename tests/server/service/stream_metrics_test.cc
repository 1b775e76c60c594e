// JobService's stream of metric points.

#include "gmock/gmock.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

TEST_F(StreamMetricsTest, GivesOnlyWhatIsAskedFor) {
  Create("a");
  const std::string token = Prepare("a");
  Report(token, CallerOf("a", 1, 0), 1, 3);
  Report(token, CallerOf("a", 1, 1), 1, 2);
  Report(token, CallerOf("a", 1, 0), 4, 5);
  v1::StreamMetricsRequest request;
  request.set_name("jobs/a");
  EXPECT_THAT(Seqs(request), ElementsAre(1, 2, 3, 1, 2, 4, 5));
  request.set_rank(1);
  EXPECT_THAT(Seqs(request), ElementsAre(1, 2));
  request.set_rank(0);
  request.set_first_step(2);
  request.set_last_step(4);
  EXPECT_THAT(Seqs(request), ElementsAre(2, 3, 4));
  request.set_last_step(0);
  EXPECT_THAT(Seqs(request), ElementsAre(2, 3, 4, 5));
  request.set_rank(7);
  EXPECT_THAT(Seqs(request), IsEmpty());
  EXPECT_TRUE(last_status_.ok());
}

TEST_F(StreamMetricsTest, SpansComeToThoseWhoAsk) {
  Create("a");
  const std::string token = Prepare("a");
  worker::v1::ReportRequest report;
  *report.mutable_caller() = CallerOf("a", 1, 0);
  v1::MetricPoint& point = *report.add_points();
  point.set_seq(1);
  point.set_step(1);
  point.mutable_spans_time()->set_seconds(5);
  point.add_spans()->set_kind(v1::Span::FORWARD);
  TestContext reporting(token);
  worker::v1::ReportResponse response;
  ASSERT_TRUE(workers_->Report(&reporting, report, &response).ok());
  for (const bool spans : {false, true}) {
    v1::StreamMetricsRequest request;
    request.set_name("jobs/a");
    request.set_spans(spans);
    TestContext context;
    const auto reader = jobs_->StreamMetrics(&context, request);
    v1::StreamMetricsResponse batch;
    ASSERT_TRUE(reader->Read(&batch));
    EXPECT_EQ(batch.points(0).spans_size(), spans ? 1 : 0);
    EXPECT_EQ(batch.points(0).has_spans_time(), spans);
    EXPECT_FALSE(reader->Read(&batch));
    EXPECT_TRUE(reader->Finish().ok());
  }
}

TEST_F(StreamMetricsTest, RefusesFiltersThatNothingPasses) {
  Create("a");
  const auto reason = [this](const v1::StreamMetricsRequest& filter) {
    v1::StreamMetricsRequest request = filter;
    request.set_name("jobs/a");
    Seqs(request);
    return Reason(last_status_) + ": " + last_status_.error_message();
  };
  v1::StreamMetricsRequest request;
  request.set_rank(-1);
  EXPECT_EQ(reason(request),
            "INVALID_FILTER: rank: -1; it is not to be below 0");
  request.Clear();
  request.set_first_step(-2);
  EXPECT_EQ(reason(request),
            "INVALID_FILTER: first_step: -2; it is not to be below 0");
  request.Clear();
  request.set_last_step(-3);
  EXPECT_EQ(reason(request),
            "INVALID_FILTER: last_step: -3; it is not to be below 0");
}

}  // namespace
}  // namespace lockstep
