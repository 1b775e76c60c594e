#include "client/job_client.h"

#include <memory>
#include <string>
#include <vector>

#include "client/mocks/mock_job_connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Return;
using ::testing::SizeIs;

v1::Job JobIn(v1::Job::State state) {
  v1::Job job;
  job.set_name("jobs/a");
  job.set_state(state);
  return job;
}

v1::WatchJobsResponse Change(v1::Job::State state) {
  v1::WatchJobsResponse change;
  *change.mutable_job() = JobIn(state);
  return change;
}

class JobClientTest : public ::testing::Test {
 protected:
  std::shared_ptr<MockJobConnection> connection_ =
      std::make_shared<MockJobConnection>();
  JobClient client_{connection_};
};

TEST_F(JobClientTest, SubmitSendsSpecAndRequestId) {
  v1::CreateJobRequest sent;
  EXPECT_CALL(*connection_, CreateJob)
      .WillOnce([&](const v1::CreateJobRequest& request) {
        sent = request;
        return JobIn(v1::Job::QUEUED);
      });
  v1::JobSpec spec;
  spec.set_name("a");

  EXPECT_TRUE(
      client_
          .Submit(spec,
                  {.job_id = "b", .request_id = "r-1", .validate_only = true})
          .ok());

  EXPECT_EQ(sent.spec().name(), "a");
  EXPECT_EQ(sent.job_id(), "b");
  EXPECT_EQ(sent.request_id(), "r-1");
  EXPECT_TRUE(sent.validate_only());
}

TEST_F(JobClientTest, GetAndCancelUseResourceNames) {
  EXPECT_CALL(*connection_, GetJob)
      .WillOnce([](const v1::GetJobRequest& request) {
        EXPECT_EQ(request.name(), "jobs/a");
        return JobIn(v1::Job::RUNNING);
      });
  EXPECT_CALL(*connection_, CancelJob)
      .WillOnce([](const v1::CancelJobRequest& request) {
        EXPECT_EQ(request.name(), "jobs/a");
        return JobIn(v1::Job::CANCELLING);
      });

  EXPECT_EQ(client_.Get("a")->state(), v1::Job::RUNNING);
  EXPECT_EQ(client_.Cancel("a")->state(), v1::Job::CANCELLING);
}

TEST_F(JobClientTest, PauseAndResumeUseResourceNames) {
  EXPECT_CALL(*connection_, PauseJob)
      .WillOnce([](const v1::PauseJobRequest& request) {
        EXPECT_EQ(request.name(), "jobs/a");
        return JobIn(v1::Job::PAUSING);
      });
  EXPECT_CALL(*connection_, ResumeJob)
      .WillOnce([](const v1::ResumeJobRequest& request) {
        EXPECT_EQ(request.name(), "jobs/a");
        return JobIn(v1::Job::QUEUED);
      });

  EXPECT_EQ(client_.Pause("a")->state(), v1::Job::PAUSING);
  EXPECT_EQ(client_.Resume("a")->state(), v1::Job::QUEUED);
}

TEST_F(JobClientTest, ExplainUsesAResourceName) {
  EXPECT_CALL(*connection_, ExplainJob)
      .WillOnce([](const v1::ExplainJobRequest& request) {
        EXPECT_EQ(request.name(), "jobs/a");
        v1::JobExplanation explanation;
        explanation.set_position(3);
        return explanation;
      });

  EXPECT_EQ(client_.Explain("a")->position(), 3);
}

TEST_F(JobClientTest, ListReadsAllPages) {
  std::vector<std::string> tokens;
  EXPECT_CALL(*connection_, ListJobs)
      .Times(2)
      .WillRepeatedly([&](const v1::ListJobsRequest& request) {
        tokens.push_back(request.page_token());
        v1::ListJobsResponse page;
        page.add_jobs();
        if (tokens.size() == 1) page.set_next_page_token("next");
        return page;
      });

  EXPECT_THAT(*client_.List({}), SizeIs(2));

  EXPECT_THAT(tokens, ElementsAre("", "next"));
}

TEST_F(JobClientTest, ListStopsAtItsLimit) {
  EXPECT_CALL(*connection_, ListJobs)
      .WillOnce([](const v1::ListJobsRequest& request) {
        EXPECT_EQ(request.page_size(), 2);
        v1::ListJobsResponse page;
        page.add_jobs();
        page.add_jobs();
        page.set_next_page_token("more");
        return page;
      });

  EXPECT_THAT(*client_.List({.limit = 2}), SizeIs(2));
}

TEST_F(JobClientTest, ListAsksAsItsOptionsSay) {
  EXPECT_CALL(*connection_, ListJobs)
      .WillOnce([](const v1::ListJobsRequest& request) {
        EXPECT_THAT(request.states(), ElementsAre(v1::Job::FAILED));
        EXPECT_EQ(request.filter(), "labels:x");
        EXPECT_EQ(request.order_by(), "name");
        return v1::ListJobsResponse();
      });

  EXPECT_TRUE(client_
                  .List({.states = {v1::Job::FAILED},
                         .filter = "labels:x",
                         .order_by = "name"})
                  .ok());
}

TEST_F(JobClientTest, ChangeLabelsNamesWhatItChanges) {
  EXPECT_CALL(*connection_, UpdateJob)
      .WillOnce([](const v1::UpdateJobRequest& request) {
        EXPECT_EQ(request.job().name(), "jobs/a");
        EXPECT_EQ(request.job().labels().at("team"), "nlp");
        EXPECT_THAT(request.update_mask().paths(),
                    ElementsAre("labels.team", "labels.stage"));
        return JobIn(v1::Job::RUNNING);
      });

  EXPECT_TRUE(client_.ChangeLabels("a", {{"team", "nlp"}}, {"stage"}).ok());
}

TEST_F(JobClientTest, QueuesGoByTheirNames) {
  v1::Queue queue;
  queue.set_name("queues/q");
  v1::ListQueuesResponse listed;
  *listed.add_queues() = queue;
  EXPECT_CALL(*connection_, ListQueues).WillOnce(Return(listed));
  EXPECT_CALL(*connection_, CreateQueue)
      .WillOnce([&](const v1::CreateQueueRequest& request) {
        return request.queue();
      });
  EXPECT_CALL(*connection_, UpdateQueue)
      .WillOnce([&](const v1::UpdateQueueRequest& request) {
        EXPECT_EQ(request.update_mask().paths(0), "weight");
        return request.queue();
      });
  EXPECT_CALL(*connection_, DeleteQueue)
      .WillOnce([&](const v1::DeleteQueueRequest& request) {
        EXPECT_EQ(request.name(), "queues/q");
        return absl::OkStatus();
      });
  EXPECT_CALL(*connection_, UpdateJob)
      .WillOnce([&](const v1::UpdateJobRequest& request) {
        EXPECT_EQ(request.update_mask().paths(0), "queue");
        return request.job();
      });

  EXPECT_EQ(client_.Queues()->at(0).name(), "queues/q");
  EXPECT_EQ(client_.CreateQueue(queue)->name(), "queues/q");
  EXPECT_TRUE(client_.UpdateQueue(queue, {"weight"}).ok());
  EXPECT_TRUE(client_.DeleteQueue("q").ok());
  EXPECT_EQ(client_.SetQueue("a", "q")->queue(), "q");
}

TEST_F(JobClientTest, DeleteUsesTheResourceName) {
  EXPECT_CALL(*connection_, DeleteJob)
      .WillOnce([](const v1::DeleteJobRequest& request) {
        EXPECT_EQ(request.name(), "jobs/a");
        return absl::OkStatus();
      });

  EXPECT_TRUE(client_.Delete("a").ok());
}

TEST_F(JobClientTest, EventsReadsAllPages) {
  int pages = 0;
  EXPECT_CALL(*connection_, ListEvents)
      .Times(2)
      .WillRepeatedly([&](const v1::ListEventsRequest& request) {
        EXPECT_EQ(request.name(), "jobs/a");
        EXPECT_EQ(request.page_token(), pages == 0 ? "" : "next");
        v1::ListEventsResponse page;
        page.add_events();
        page.set_resume_token(std::to_string(++pages));
        if (pages == 1) page.set_next_page_token("next");
        return page;
      });

  const auto list = client_.Events("a");

  ASSERT_TRUE(list.ok());
  EXPECT_THAT(list->events, SizeIs(2));
  EXPECT_EQ(list->resume_token, "2");
}

TEST_F(JobClientTest, AWatchBeginsAtItsToken) {
  EXPECT_CALL(*connection_, WatchJobs)
      .WillOnce([](const v1::WatchJobsRequest& request, const auto&) {
        EXPECT_EQ(request.resume_token(), "7");
        return absl::OkStatus();
      });

  EXPECT_TRUE(client_
                  .Watch(
                      "a", [](const auto&) { return true; }, "7")
                  .ok());
}

TEST_F(JobClientTest, ABackupIsWholeOrAnError) {
  const auto send = [](const std::vector<std::string>& pieces, int64_t total) {
    return [=](const auto& next) {
      for (const std::string& data : pieces) {
        v1::BackupStoreResponse piece;
        piece.set_data(data);
        piece.set_total_bytes(total);
        if (!next(piece)) break;
      }
      return absl::OkStatus();
    };
  };
  EXPECT_CALL(*connection_, BackupStore)
      .WillOnce(send({"ab", "c"}, 3))
      .WillOnce(send({"ab"}, 3))
      .WillOnce(send({}, 0))
      .WillOnce(send({"ab", "c"}, 3));
  std::string copy;
  const auto take = [&](absl::string_view piece) {
    copy += std::string(piece);
    return absl::OkStatus();
  };

  EXPECT_TRUE(client_.Backup(take).ok());
  EXPECT_EQ(copy, "abc");
  EXPECT_TRUE(absl::IsDataLoss(client_.Backup(take)));
  EXPECT_TRUE(absl::IsDataLoss(client_.Backup(take)));
  EXPECT_TRUE(absl::IsResourceExhausted(client_.Backup([](absl::string_view) {
    return absl::ResourceExhaustedError("disk full");
  })));
}

TEST_F(JobClientTest, ListReturnsAnErrorOfAnyPage) {
  EXPECT_CALL(*connection_, ListJobs)
      .WillOnce(Return(absl::UnavailableError("away")));

  EXPECT_TRUE(absl::IsUnavailable(client_.List({}).status()));
}

TEST_F(JobClientTest, WaitUntilIdleFollowsWhatRunsToItsEnd) {
  v1::ListJobsResponse busy;
  busy.add_jobs()->set_name("jobs/a");
  EXPECT_CALL(*connection_, ListJobs)
      .WillOnce([&](const v1::ListJobsRequest& request) {
        EXPECT_EQ(request.states_size(), 5);
        return busy;
      })
      .WillOnce(Return(busy))
      .WillOnce(Return(v1::ListJobsResponse()));
  EXPECT_CALL(*connection_, WatchJobs)
      .WillOnce([](const v1::WatchJobsRequest& request, const auto& next) {
        EXPECT_EQ(request.name(), "jobs/a");
        EXPECT_TRUE(next(Change(v1::Job::RUNNING)));
        EXPECT_TRUE(next(v1::WatchJobsResponse()));  // A bookmark.
        EXPECT_FALSE(next(Change(v1::Job::QUEUED)));
        return absl::OkStatus();
      })
      // Deleted meanwhile.
      .WillOnce(Return(errors::JobNotFound("jobs/a")));

  EXPECT_TRUE(client_.WaitUntilIdle().ok());
}

TEST_F(JobClientTest, WaitReturnsTheTerminalJob) {
  EXPECT_CALL(*connection_, WatchJobs)
      .WillOnce([](const v1::WatchJobsRequest& request, const auto& next) {
        EXPECT_EQ(request.name(), "jobs/a");
        EXPECT_TRUE(next(Change(v1::Job::QUEUED)));
        EXPECT_TRUE(next(v1::WatchJobsResponse()));  // A bookmark.
        EXPECT_TRUE(next(Change(v1::Job::RUNNING)));
        EXPECT_FALSE(next(Change(v1::Job::FAILED)));
        return absl::OkStatus();
      });
  std::vector<v1::Job::State> seen;

  const auto job = client_.Wait(
      "a", [&](const v1::Job& job) { seen.push_back(job.state()); });

  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->state(), v1::Job::FAILED);
  EXPECT_THAT(seen,
              ElementsAre(v1::Job::QUEUED, v1::Job::RUNNING, v1::Job::FAILED));
}

TEST_F(JobClientTest, WaitFailsWhenTheWatchEndsFirst) {
  EXPECT_CALL(*connection_, WatchJobs).WillOnce(Return(absl::OkStatus()));

  EXPECT_TRUE(
      absl::IsUnavailable(client_.Wait("a", [](const v1::Job&) {}).status()));
}

TEST_F(JobClientTest, AWatchThatFellBehindBeginsAnew) {
  EXPECT_CALL(*connection_, WatchJobs)
      .WillOnce(Return(errors::Error(absl::StatusCode::kOutOfRange,
                                     "RESUME_TOKEN_EXPIRED", "too old")))
      .WillOnce([](const v1::WatchJobsRequest& request, const auto& next) {
        EXPECT_EQ(request.resume_token(), "");
        next(Change(v1::Job::SUCCEEDED));
        return absl::OkStatus();
      });

  EXPECT_EQ(client_.Wait("a", [](const v1::Job&) {})->state(),
            v1::Job::SUCCEEDED);
}

TEST_F(JobClientTest, MetricsComePointByPoint) {
  EXPECT_CALL(*connection_, StreamMetrics)
      .WillOnce([](const v1::StreamMetricsRequest& request, const auto& next) {
        EXPECT_TRUE(request.follow());
        v1::StreamMetricsResponse batch;
        batch.add_points()->set_step(1);
        batch.add_points()->set_step(2);
        EXPECT_TRUE(next(batch));
        return absl::OkStatus();
      });
  std::vector<int64_t> steps;

  EXPECT_TRUE(client_
                  .Metrics("a", /*follow=*/true,
                           [&](const v1::MetricPoint& point) {
                             steps.push_back(point.step());
                           })
                  .ok());

  EXPECT_THAT(steps, ElementsAre(1, 2));
}

TEST_F(JobClientTest, CopiesShareOneInterrupt) {
  EXPECT_CALL(*connection_, Interrupt);

  JobClient copy = client_;
  copy.Interrupt();
}

}  // namespace
}  // namespace lockstep
