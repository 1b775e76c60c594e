#include "server/metrics/server_metrics.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/collectable.h"
#include "server/metrics/metrics_exposer.h"
#include "tests/server/metrics/server_metrics_fixture.h"
#include "tests/testing/http_get.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServerMetricsTest, CountsJobsByState) {
  metrics_.JobSeen(JobOf("a", v1::Job::QUEUED));
  metrics_.JobSeen(JobOf("b", v1::Job::QUEUED));
  metrics_.JobSeen(JobOf("a", v1::Job::QUEUED));
  metrics_.JobSeen(JobOf("a", v1::Job::RUNNING));
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("lockstep_jobs{state=\"queued\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lockstep_jobs{state=\"running\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lockstep_jobs{state=\"failed\"} 0\n"));
  EXPECT_THAT(
      text,
      HasSubstr("lockstep_job_state{job_id=\"a\",state=\"running\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lockstep_build_info{"));
}

// Of a thousand jobs ten each would be a sixth of all series.
TEST_F(ServerMetricsTest, AJobHasASeriesOfTheStateThatItIsIn) {
  metrics_.JobSeen(JobOf("a", v1::Job::STARTING));
  metrics_.JobSeen(JobOf("b", v1::Job::STARTING));
  metrics_.JobSeen(JobOf("a", v1::Job::RUNNING));
  const std::string text = Text();
  EXPECT_THAT(text,
              Not(HasSubstr("job_state{job_id=\"a\",state=\"starting\"}")));
  EXPECT_THAT(text, Not(HasSubstr("job_state{job_id=\"a\",state=\"paused\"}")));
  EXPECT_THAT(text, HasSubstr("job_state{job_id=\"a\",state=\"running\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("job_state{job_id=\"b\",state=\"starting\"} 1\n"));
}

TEST_F(ServerMetricsTest, AJobThatOnlyWaitsHasNoSeries) {
  metrics_.JobSeen(JobOf("a", v1::Job::QUEUED));
  metrics_.JobSeen(JobOf("a", v1::Job::PREPARING));
  EXPECT_THAT(Text(), Not(HasSubstr("job_id=\"a\"")));
  // After a failure it has.
  v1::Job again = JobOf("b", v1::Job::QUEUED);
  again.set_attempt(1);
  metrics_.JobSeen(again);
  EXPECT_THAT(
      Text(),
      HasSubstr("lockstep_job_state{job_id=\"b\",state=\"queued\"} 1\n"));
}

TEST_F(ServerMetricsTest, ADeletedJobIsCountedNoMore) {
  metrics_.JobSeen(JobOf("a", v1::Job::RUNNING));
  metrics_.JobSeen(JobOf("a", v1::Job::FAILED));
  metrics_.JobSeen(JobOf("b", v1::Job::FAILED));
  metrics_.JobDeleted("jobs/a");
  metrics_.JobDeleted("jobs/none");
  EXPECT_THAT(Text(), HasSubstr("lockstep_jobs{state=\"failed\"} 1\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("job_id=\"a\"")));
  EXPECT_EQ(metrics_.JobsByState()[v1::Job::FAILED], 1);
  // Another one of its name.
  metrics_.JobSeen(JobOf("a", v1::Job::QUEUED));
  EXPECT_THAT(Text(), HasSubstr("lockstep_jobs{state=\"queued\"} 1\n"));
}

TEST_F(ServerMetricsTest, ShowsTheNewestStep) {
  metrics_.JobSeen(JobOf("a", v1::Job::RUNNING));
  v1::MetricPoint point;
  point.set_seq(1);
  point.set_step(3);
  auto& values = *point.mutable_values();
  values["loss"] = 2.5;
  values["grad_norm"] = 0.5;
  values["learning_rate"] = 0.25;
  values["tokens"] = 100;
  values["tokens_per_second"] = 400;
  values["step_seconds"] = 0.25;
  metrics_.PointsStored(JobOf("a", v1::Job::RUNNING), 1, {&point});
  metrics_.PointsStored(JobOf("a", v1::Job::RUNNING), 1,
                        {&point});  // Sent again.
  point.set_seq(2);
  point.set_step(4);
  values["loss"] = 2.25;
  metrics_.PointsStored(JobOf("a", v1::Job::RUNNING), 1, {&point});
  v1::MetricPoint evaluation;
  evaluation.set_seq(3);
  evaluation.set_step(4);
  (*evaluation.mutable_values())["eval_loss"] = 3.5;
  metrics_.PointsStored(JobOf("a", v1::Job::RUNNING), 1, {&evaluation});
  const std::string text = Text();
  for (const char* line : {
           "lockstep_train_loss{job_id=\"a\"} 2.25\n",
           "lockstep_train_grad_norm{job_id=\"a\"} 0.5\n",
           "lockstep_train_learning_rate{job_id=\"a\"} 0.25\n",
           "lockstep_train_step{job_id=\"a\"} 4\n",
           "lockstep_train_tokens_total{job_id=\"a\"} 200\n",
           "lockstep_train_tokens_per_second{job_id=\"a\"} 400\n",
           "lockstep_train_step_duration_seconds_count{job_id=\"a\"} 2\n",
           ("lockstep_train_step_duration_seconds_bucket{job_id=\"a\","
            "le=\"0.25\"} 2\n"),
           "lockstep_eval_loss{job_id=\"a\"} 3.5\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("lockstep_train_epochs{")));
}

// Of points that come together each name shows its newest value.
TEST_F(ServerMetricsTest, CountsEachPointOfABatch) {
  metrics_.JobSeen(JobOf("a", v1::Job::RUNNING));
  std::vector<v1::MetricPoint> points(3);
  std::vector<const v1::MetricPoint*> batch;
  for (int i = 0; i < 3; ++i) {
    points[i].set_seq(i + 1);
    points[i].set_step(i + 1);
    (*points[i].mutable_values())["loss"] = 4 - i;
    (*points[i].mutable_values())["tokens"] = 100;
    batch.push_back(&points[i]);
  }
  (*points[1].mutable_values())["eval_loss"] = 3.5;
  metrics_.PointsStored(JobOf("a", v1::Job::RUNNING), 1, {batch[0]});
  metrics_.PointsStored(JobOf("a", v1::Job::RUNNING), 1,
                        batch);  // The first comes again.
  const std::string text = Text();
  for (const char* line : {"lockstep_train_loss{job_id=\"a\"} 2\n",
                           "lockstep_eval_loss{job_id=\"a\"} 3.5\n",
                           "lockstep_train_step{job_id=\"a\"} 3\n",
                           "lockstep_train_tokens_total{job_id=\"a\"} 300\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(ServerMetricsTest, KnowsNoPointsOfUnseenJobs) {
  v1::MetricPoint point;
  (*point.mutable_values())["loss"] = 1;
  metrics_.PointsStored(JobOf("unseen", v1::Job::RUNNING), 1, {&point});
  EXPECT_THAT(Text(), Not(HasSubstr("unseen")));
}

TEST_F(ServerMetricsTest, ForgetsEndedJobsAfterAWhile) {
  metrics_.JobSeen(JobOf("a", v1::Job::RUNNING));
  metrics_.JobSeen(JobOf("b", v1::Job::RUNNING));
  v1::MetricPoint point;
  point.set_seq(1);
  (*point.mutable_values())["loss"] = 1;
  metrics_.PointsStored(JobOf("a", v1::Job::RUNNING), 1, {&point});
  metrics_.JobSeen(JobOf("a", v1::Job::SUCCEEDED));
  clock_.Advance(absl::Minutes(14));
  metrics_.RemoveEnded();
  EXPECT_THAT(Text(), HasSubstr("job_id=\"a\""));
  clock_.Advance(absl::Minutes(1));
  metrics_.RemoveEnded();
  EXPECT_THAT(Text(), Not(HasSubstr("job_id=\"a\"")));
  EXPECT_THAT(Text(), HasSubstr("job_id=\"b\""));
  // The job itself still counts.
  EXPECT_THAT(Text(), HasSubstr("lockstep_jobs{state=\"succeeded\"} 1\n"));
}

TEST_F(ServerMetricsTest, OnlyCountsAJobThatHadEndedBefore) {
  metrics_.JobSeen(JobOf("old", v1::Job::FAILED));
  metrics_.JobSeen(JobOf("old", v1::Job::FAILED));
  EXPECT_THAT(Text(), HasSubstr("lockstep_jobs{state=\"failed\"} 1\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("job_id=\"old\"")));
}

TEST_F(ServerMetricsTest, CountsCalls) {
  metrics_.RpcHandled("JobService/GetJob", "OK", absl::Milliseconds(1));
  metrics_.RpcHandled("JobService/GetJob", "NOT_FOUND", absl::Milliseconds(2));
  metrics_.RpcHandled("JobService/GetJob", "OK", absl::Milliseconds(3));
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("lockstep_grpc_server_handled_total{code=\"OK\","
                              "method=\"JobService/GetJob\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("lockstep_grpc_server_handling_seconds_count{"
                              "method=\"JobService/GetJob\"} 3\n"));
}

TEST_F(ServerMetricsTest, TellsHowLongTransactionsTake) {
  EXPECT_THAT(Text(),
              HasSubstr("lockstep_store_transaction_seconds_count 0\n"));
  metrics_.StoreTransaction(absl::Milliseconds(3));
  EXPECT_THAT(
      Text(),
      HasSubstr("lockstep_store_transaction_seconds_bucket{le=\"0.005\"} 1\n"));
}

class MetricsExposerTest : public ServerMetricsTest {};

TEST_F(MetricsExposerTest, ServesOnAFreePort) {
  const auto exposer =
      MetricsExposer::Start("127.0.0.1:0", {metrics_.registry()});
  ASSERT_TRUE(exposer.ok()) << exposer.status();
  EXPECT_THAT((*exposer)->url(), Not(HasSubstr(":0/")));
  EXPECT_THAT(HttpGet((*exposer)->url()), HasSubstr("lockstep_build_info"));
}

TEST_F(MetricsExposerTest, NamesAnAddressThatIsTaken) {
  const auto first =
      MetricsExposer::Start("127.0.0.1:0", {metrics_.registry()});
  ASSERT_TRUE(first.ok()) << first.status();
  std::string address = (*first)->url().substr(7);
  address = address.substr(0, address.find('/'));
  const auto second = MetricsExposer::Start(address, {metrics_.registry()});
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

TEST_F(MetricsExposerTest, RefusesOtherAddresses) {
  for (const char* address :
       {"0.0.0.0:9464", "example.com:1", "9464", "127.0.0.1:x",
        "127.0.0.1:70000", "127.0.0.1:-1"}) {
    const auto exposer = MetricsExposer::Start(address, {metrics_.registry()});
    EXPECT_TRUE(absl::IsInvalidArgument(exposer.status())) << address;
    EXPECT_THAT(std::string(exposer.status().message()), HasSubstr(address));
  }
}

// Lets nobody have it until it is told to.
class HeldCollectable : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    asked_.Notify();
    released_.WaitForNotification();
    return {};
  }

  mutable absl::Notification asked_;
  absl::Notification released_;
};

// "Content-Length: 7" and seven bytes behind the headers.
bool IsWhole(const std::string& answer) {
  const size_t length_at = answer.find("Content-Length: ");
  const size_t body_at = answer.find("\r\n\r\n");
  size_t length = 0;
  return length_at != std::string::npos && body_at != std::string::npos &&
         absl::SimpleAtoi(absl::string_view(answer).substr(
                              length_at + 16,
                              answer.find("\r\n", length_at) - length_at - 16),
                          &length) &&
         answer.size() == body_at + 4 + length;
}

TEST_F(MetricsExposerTest, AScrapeThatIsUnderWayEndsWhole) {
  const auto held = std::make_shared<HeldCollectable>();
  auto exposer =
      MetricsExposer::Start("127.0.0.1:0", {metrics_.registry(), held});
  ASSERT_TRUE(exposer.ok()) << exposer.status();
  const std::string url = (*exposer)->url();
  std::string answer;
  std::thread scraper([&] { answer = HttpGet(url); });
  held->asked_.WaitForNotification();

  // The end of lockstepd comes while the page is being made.
  std::thread end([&] { exposer->reset(); });
  held->released_.Notify();
  scraper.join();
  end.join();

  EXPECT_TRUE(IsWhole(answer)) << answer;
  EXPECT_THAT(answer, HasSubstr("lockstep_build_info"));
  // Who comes now is refused.
  EXPECT_EQ(HttpGet(url), "");
}

// More than the buffers of both sockets hold, if the reader's is small.
class LongCollectable : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    asked_.Notify();
    prometheus::MetricFamily family;
    family.name = "long";
    family.type = prometheus::MetricType::Gauge;
    for (int i = 0; i < 8; ++i) {
      prometheus::ClientMetric metric;
      metric.label.push_back({"x", std::string(1 << 20, 'x')});
      family.metric.push_back(std::move(metric));
    }
    return {family};
  }

  mutable absl::Notification asked_;
};

TEST_F(MetricsExposerTest, AClientThatNeverReadsHoldsNobodyUp) {
  const auto page = std::make_shared<LongCollectable>();
  auto exposer = MetricsExposer::Start("127.0.0.1:0", {page});
  ASSERT_TRUE(exposer.ok()) << exposer.status();
  const ConnectedClient stalled((*exposer)->url(), /*buffer_bytes=*/4096);
  ASSERT_TRUE(stalled.Ask());
  page->asked_.WaitForNotification();

  const absl::Time begin = absl::Now();
  exposer->reset();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30));
}

}  // namespace
}  // namespace lockstep::testing
