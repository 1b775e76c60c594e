// UpdateJob, DeleteJob, etags, and the pages of ListJobs and ListEvents.

#include "gmock/gmock.h"
#include "server/service/page_token.h"
#include "tests/server/service/service_fixture.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::CommitAndWait;
using ::lockstep::testing::Record;
using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JobChangesTest : public ServiceFixture {
 protected:
  grpc::Status Delete(const std::string& name, const std::string& etag = "") {
    v1::DeleteJobRequest request;
    request.set_name(name);
    request.set_etag(etag);
    TestContext context;
    google::protobuf::Empty nothing;
    return jobs_->DeleteJob(&context, request, &nothing);
  }

  grpc::Status Update(const v1::UpdateJobRequest& request, v1::Job* job) {
    TestContext context;
    return jobs_->UpdateJob(&context, request, job);
  }

  v1::ListJobsResponse List(const v1::ListJobsRequest& request) {
    TestContext context;
    v1::ListJobsResponse response;
    const grpc::Status status = jobs_->ListJobs(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  std::string ListRefusal(const v1::ListJobsRequest& request) {
    TestContext context;
    v1::ListJobsResponse response;
    const grpc::Status status = jobs_->ListJobs(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return Reason(status);
  }
  static std::string Ids(const v1::ListJobsResponse& response) {
    std::string ids;
    for (const v1::Job& job : response.jobs()) ids += job.name().substr(5);
    return ids;
  }

  v1::ListEventsResponse Events(const v1::ListEventsRequest& request) {
    TestContext context;
    v1::ListEventsResponse response;
    const grpc::Status status = jobs_->ListEvents(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  std::string EventsRefusal(const v1::ListEventsRequest& request) {
    TestContext context;
    v1::ListEventsResponse response;
    return Reason(jobs_->ListEvents(&context, request, &response));
  }
  static std::vector<std::string> Types(const v1::ListEventsResponse& page) {
    std::vector<std::string> types;
    for (const v1::Event& event : page.events()) types.push_back(event.type());
    return types;
  }

  // A job that has ended and of which no process is left.
  void EndedJob(const std::string& id) {
    Create(id);
    TestContext context;
    v1::CancelJobRequest request;
    request.set_name("jobs/" + id);
    v1::Job job;
    ASSERT_TRUE(jobs_->CancelJob(&context, request, &job).ok());
    launcher_.End({.attempt = {"jobs/" + id, 0}, .ranks = {}, .signal = 9});
    WaitForState(id, v1::Job::CANCELLED);
  }
};

TEST_F(JobChangesTest, ADeletedJobIsGone) {
  EndedJob("a");
  const std::string uid = Get("a").uid();
  ASSERT_TRUE(Delete("jobs/a").ok());
  launcher_.WaitForRemoval(uid);
  EXPECT_EQ(Reason(Delete("jobs/a")), "JOB_NOT_FOUND");
  EXPECT_THAT(List({}).jobs(), IsEmpty());
  // Its name is free.
  EXPECT_NE(Create("a").uid(), uid);
}

TEST_F(JobChangesTest, OnlyAJobThatHasEndedIsDeleted) {
  Create("a");
  const grpc::Status status = Delete("jobs/a");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Reason(status), "JOB_NOT_ENDED");
  EXPECT_EQ(Reason(Delete("a")), "INVALID_NAME");
}

TEST_F(JobChangesTest, AStaleEtagAborts) {
  const std::string etag = Create("a").etag();
  v1::CancelJobRequest cancel;
  cancel.set_name("jobs/a");
  cancel.set_etag("1-none");
  v1::Job job;
  {
    TestContext context;
    const grpc::Status status = jobs_->CancelJob(&context, cancel, &job);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
    EXPECT_EQ(Reason(status), "ETAG_MISMATCH");
  }
  cancel.set_etag(Get("a").etag());
  TestContext context;
  EXPECT_TRUE(jobs_->CancelJob(&context, cancel, &job).ok());
  v1::UpdateJobRequest update;
  update.mutable_job()->set_name("jobs/a");
  update.mutable_job()->set_etag(etag);
  EXPECT_EQ(Reason(Update(update, &job)), "ETAG_MISMATCH");
  EXPECT_EQ(Reason(Delete("jobs/a", etag)), "ETAG_MISMATCH");
}

TEST_F(JobChangesTest, LabelsChangeAsTheMaskSays) {
  Create("a");
  v1::UpdateJobRequest request;
  request.mutable_job()->set_name("jobs/a");
  (*request.mutable_job()->mutable_labels())["team"] = "nlp";
  (*request.mutable_job()->mutable_labels())["stage"] = "test";
  v1::Job job;
  ASSERT_TRUE(Update(request, &job).ok());
  EXPECT_THAT(job.labels(), SizeIs(2));
  request.mutable_job()->mutable_labels()->clear();
  request.mutable_update_mask()->add_paths("labels.team");
  ASSERT_TRUE(Update(request, &job).ok());
  EXPECT_THAT(job.labels(), SizeIs(1));
  EXPECT_EQ(Get("a").labels().at("stage"), "test");
  EXPECT_EQ(job.etag(), Get("a").etag());
  request.mutable_update_mask()->set_paths(0, "labels");
  ASSERT_TRUE(Update(request, &job).ok());
  EXPECT_THAT(job.labels(), IsEmpty());
}

TEST_F(JobChangesTest, ThePriorityChangesAsTheMaskSays) {
  EXPECT_EQ(Create("a").priority(), v1::ResourceSpec::PRIORITY_NORMAL);
  v1::UpdateJobRequest request;
  request.mutable_job()->set_name("jobs/a");
  request.mutable_job()->set_priority(v1::ResourceSpec::PRIORITY_HIGH);
  v1::Job job;
  // Without its name in the mask only labels change.
  ASSERT_TRUE(Update(request, &job).ok());
  EXPECT_EQ(job.priority(), v1::ResourceSpec::PRIORITY_NORMAL);
  (*request.mutable_job()->mutable_labels())["team"] = "nlp";
  request.mutable_update_mask()->add_paths("priority");
  ASSERT_TRUE(Update(request, &job).ok());
  EXPECT_EQ(job.priority(), v1::ResourceSpec::PRIORITY_HIGH);
  EXPECT_THAT(job.labels(), IsEmpty());
  EXPECT_EQ(Get("a").priority(), v1::ResourceSpec::PRIORITY_HIGH);
  // What was asked for at first stays in the spec.
  EXPECT_EQ(Get("a").spec().resources().priority(),
            v1::ResourceSpec::PRIORITY_NORMAL);
  request.mutable_job()->clear_priority();
  EXPECT_EQ(Reason(Update(request, &job)), "INVALID_SPEC");
}

TEST_F(JobChangesTest, NothingElseCanBeUpdated) {
  Create("a");
  v1::UpdateJobRequest request;
  request.mutable_job()->set_name("jobs/a");
  v1::Job job;
  for (const char* path : {"spec.train", "labels.", "state", "*"}) {
    request.mutable_update_mask()->clear_paths();
    request.mutable_update_mask()->add_paths(path);
    const grpc::Status status = Update(request, &job);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(Reason(status), "INVALID_UPDATE_MASK") << path;
    EXPECT_THAT(status.error_message(), HasSubstr(path));
  }
  request.clear_update_mask();
  (*request.mutable_job()->mutable_labels())[""] = "x";
  EXPECT_EQ(Reason(Update(request, &job)), "INVALID_SPEC");
  request.mutable_job()->set_name("a");
  EXPECT_EQ(Reason(Update(request, &job)), "INVALID_NAME");
  request.mutable_job()->set_name("jobs/none");
  request.mutable_job()->clear_labels();
  EXPECT_EQ(Reason(Update(request, &job)), "JOB_NOT_FOUND");
}

TEST_F(JobChangesTest, ListFiltersAndOrders) {
  for (const char* id : {"b", "c", "a"}) {
    ASSERT_TRUE(CommitAndWait(store_, {.jobs = {MakeJobRow(Record(id))}}).ok());
  }
  v1::ListJobsRequest request;
  EXPECT_EQ(Ids(List(request)), "acb");
  request.set_order_by("create_time");
  EXPECT_EQ(Ids(List(request)), "bca");
  request.set_order_by("name  desc");
  EXPECT_EQ(Ids(List(request)), "cba");
  request.set_filter("name != b");
  EXPECT_EQ(Ids(List(request)), "ca");
  request.add_states(v1::Job::FAILED);
  EXPECT_EQ(Ids(List(request)), "");
  for (const char* order : {"age", "name asc", "name desc desc", " "}) {
    request.set_order_by(order);
    EXPECT_EQ(ListRefusal(request), "INVALID_ORDER_BY") << order;
  }
  request.clear_order_by();
  request.set_filter("nonsense");
  EXPECT_EQ(ListRefusal(request), "INVALID_FILTER");
}

TEST_F(JobChangesTest, APageTokenIsGoodForItsQuestionOnly) {
  for (const char* id : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(CommitAndWait(store_, {.jobs = {MakeJobRow(Record(id))}}).ok());
  }
  v1::ListJobsRequest request;
  request.set_page_size(1);
  request.set_filter("name != c");
  request.add_states(v1::Job::QUEUED);
  request.add_states(v1::Job::FAILED);
  request.set_page_token(List(request).next_page_token());
  // The order of states says nothing, nor does the size of pages.
  request.clear_states();
  request.add_states(v1::Job::FAILED);
  request.add_states(v1::Job::QUEUED);
  request.set_page_size(2);
  EXPECT_EQ(Ids(List(request)), "ba");

  v1::ListJobsRequest other = request;
  other.set_filter("name != a");
  EXPECT_EQ(ListRefusal(other), "INVALID_PAGE_TOKEN");
  other = request;
  other.set_order_by("name desc");
  EXPECT_EQ(ListRefusal(other), "INVALID_PAGE_TOKEN");
  other = request;
  other.clear_states();
  EXPECT_EQ(ListRefusal(other), "INVALID_PAGE_TOKEN");
  for (const std::string& token :
       {std::string("2"), std::string("!"), request.page_token() + "AAAA",
        request.page_token().substr(0, 4)}) {
    other = request;
    other.set_page_token(token);
    EXPECT_EQ(ListRefusal(other), "INVALID_PAGE_TOKEN") << token;
  }
}

TEST_F(JobChangesTest, EventsComeInPagesOldestFirst) {
  Create("other");
  Create("a");
  Prepare("a");
  v1::ListEventsRequest request;
  request.set_name("jobs/a");
  const v1::ListEventsResponse all = Events(request);
  ASSERT_GT(all.events_size(), 3);
  EXPECT_EQ(all.events(0).type(), "JOB_CREATED");
  EXPECT_EQ(all.next_page_token(), "");
  request.set_page_size(2);
  std::vector<int64_t> sequences;
  do {
    const v1::ListEventsResponse page = Events(request);
    EXPECT_LE(page.events_size(), 2);
    for (const v1::Event& event : page.events()) {
      EXPECT_EQ(event.job(), "jobs/a");
      sequences.push_back(event.sequence());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  std::vector<int64_t> expected;
  for (const v1::Event& event : all.events()) {
    expected.push_back(event.sequence());
  }
  EXPECT_EQ(sequences, expected);
  // All jobs.
  EXPECT_GT(Events({}).events_size(), all.events_size());
}

TEST_F(JobChangesTest, EventsKnowGoodRequestsFromBad) {
  Create("a");
  v1::ListEventsRequest request;
  request.set_page_size(1);
  const std::string token = Events(request).next_page_token();
  ASSERT_NE(token, "");
  request.set_name("jobs/a");
  request.set_page_token(token);
  EXPECT_EQ(EventsRefusal(request), "INVALID_PAGE_TOKEN");
  request.set_page_token(MakePageToken("events of jobs/a", "x"));
  EXPECT_EQ(EventsRefusal(request), "INVALID_PAGE_TOKEN");
  request.clear_page_token();
  request.set_name("a");
  EXPECT_EQ(EventsRefusal(request), "INVALID_NAME");
  request.set_name("jobs/none");
  EXPECT_EQ(EventsRefusal(request), "JOB_NOT_FOUND");
}

TEST_F(JobChangesTest, APageOfLongEventsFitsIntoAMessage) {
  StoreWrite write = testing::WriteOf(Record("a"));
  write.events[0].set_message(std::string(1'000'000, 'x'));
  write.events.resize(8, write.events[0]);
  ASSERT_TRUE(CommitAndWait(store_, write).ok());
  v1::ListEventsRequest request;
  int events = 0;
  do {
    const v1::ListEventsResponse page = Events(request);
    EXPECT_GT(page.events_size(), 0);
    events += page.events_size();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(events, 8);
}

TEST_F(JobChangesTest, AWatchGoesOnWhereTheEventsEnded) {
  Create("a");
  v1::ListEventsRequest list;
  list.set_page_size(1);
  const v1::ListEventsResponse page = Events(list);
  v1::WatchJobsRequest request;
  request.set_resume_token(page.resume_token());
  TestContext context;
  const auto reader = jobs_->WatchJobs(&context, request);
  v1::WatchJobsResponse change;
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.event().sequence(), page.events(0).sequence() + 1);
  context.TryCancel();
}

TEST_F(JobChangesTest, ANewJobHasNoEventsOfAnOldOneOfItsName) {
  EndedJob("a");
  ASSERT_TRUE(Delete("jobs/a").ok());
  Create("a");
  v1::ListEventsRequest request;
  request.set_name("jobs/a");
  EXPECT_EQ(Types(Events(request)).front(), "JOB_CREATED");
  // The list of all has the end of the first one, and nothing else of it.
  EXPECT_THAT(Types(Events({})),
              ElementsAre("JOB_DELETED", "JOB_CREATED", "STATE_CHANGED"));
}

TEST_F(JobChangesTest, WatchersLearnOfADeletion) {
  EndedJob("a");
  v1::WatchJobsRequest request;
  TestContext all_context;
  const auto all = jobs_->WatchJobs(&all_context, request);
  request.set_name("jobs/a");
  TestContext one_context;
  const auto one = jobs_->WatchJobs(&one_context, request);
  v1::WatchJobsResponse change;
  for (const auto& reader : {all.get(), one.get()}) {
    ASSERT_TRUE(reader->Read(&change));
    EXPECT_EQ(change.type(), v1::WatchJobsResponse::ADDED);
  }
  ASSERT_TRUE(Delete("jobs/a").ok());
  for (const auto& reader : {all.get(), one.get()}) {
    do {
      ASSERT_TRUE(reader->Read(&change));
    } while (change.type() == v1::WatchJobsResponse::BOOKMARK);
    EXPECT_EQ(change.type(), v1::WatchJobsResponse::DELETED);
    EXPECT_EQ(change.job().name(), "jobs/a");
    EXPECT_EQ(change.job().uid(), "");
    EXPECT_EQ(change.event().type(), "JOB_DELETED");
  }
  EXPECT_FALSE(one->Read(&change));
  EXPECT_EQ(Reason(one->Finish()), "JOB_NOT_FOUND");
  all_context.TryCancel();
}

TEST_F(JobChangesTest, ADeletedJobIsNotCounted) {
  EndedJob("a");
  EndedJob("b");
  ASSERT_TRUE(Delete("jobs/a").ok());
  AwaitFeed();
  EXPECT_EQ(metrics_.JobsByState()[v1::Job::CANCELLED], 1);
}

TEST_F(JobChangesTest, FollowersOfADeletedJobAreTold) {
  EndedJob("a");
  WritePrepareLog("a", "one\n");
  v1::StreamLogsRequest request;
  request.set_name("jobs/a");
  request.set_prepare(true);
  request.set_resume_token("0:0");
  ASSERT_TRUE(Delete("jobs/a").ok());
  TestContext context;
  const auto reader = jobs_->StreamLogs(&context, request);
  v1::StreamLogsResponse lines;
  EXPECT_FALSE(reader->Read(&lines));
  EXPECT_EQ(Reason(reader->Finish()), "JOB_NOT_FOUND");
}

}  // namespace
}  // namespace lockstep
