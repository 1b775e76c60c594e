// What every JobStore promises, run on both.

#include "server/store/job_store.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "server/store/goodput.h"
#include "server/store/memory_job_store.h"
#include "server/store/sqlite_job_store.h"
#include "tests/testing/store_writes.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::lockstep::testing::CheckpointOf;
using ::lockstep::testing::CommitAndWait;
using ::lockstep::testing::DeletionOf;
using ::lockstep::testing::EventOf;
using ::lockstep::testing::Record;
using ::lockstep::testing::ScopedTempDir;
using ::lockstep::testing::WriteOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JobStoreTest : public ::testing::TestWithParam<bool> {
 protected:
  JobStoreTest() {
    if (GetParam()) {
      auto store = SqliteJobStore::Open(dir_.Path("lockstep.db"));
      EXPECT_TRUE(store.ok()) << store.status();
      store_ = *std::move(store);
    } else {
      store_ = std::make_unique<MemoryJobStore>();
    }
  }

  void Insert(const std::string& id, v1::Job::State state = v1::Job::QUEUED) {
    ASSERT_TRUE(CommitAndWait(*store_, WriteOf(Record(id, 1, state))).ok());
  }

  std::vector<std::string> Names(const JobPage& page) {
    std::vector<std::string> names;
    names.reserve(page.jobs.size());
    for (const v1::Job& job : page.jobs) names.push_back(job.name());
    return names;
  }

  std::vector<int64_t> Sequences(const std::vector<JournalEntry>& entries) {
    std::vector<int64_t> sequences;
    sequences.reserve(entries.size());
    for (const JournalEntry& entry : entries) {
      sequences.push_back(entry.event.sequence());
    }
    return sequences;
  }

  ScopedTempDir dir_;
  std::unique_ptr<JobStore> store_;
};

TEST_P(JobStoreTest, IsEmptyAtFirst) {
  EXPECT_THAT(*store_->LoadAll(), IsEmpty());
  EXPECT_EQ(store_->LastSequence(), 0);
  EXPECT_THAT(store_->List({})->jobs, IsEmpty());
  EXPECT_EQ(ErrorReason(store_->Get("jobs/a").status()), "JOB_NOT_FOUND");
  EXPECT_EQ(ErrorReason(store_->ListCheckpoints("jobs/a").status()),
            "JOB_NOT_FOUND");
}

server::QueueRecord QueueOf(const std::string& name, int quota) {
  server::QueueRecord record;
  record.mutable_queue()->set_name(name);
  record.mutable_queue()->set_gpu_quota(quota);
  return record;
}

TEST_P(JobStoreTest, QueuesAreKeptChangedAndRemoved) {
  EXPECT_THAT(store_->Queues(), IsEmpty());
  StoreWrite write;
  write.queues = {MakeQueueRow(QueueOf("queues/b", 1)),
                  MakeQueueRow(QueueOf("queues/a", 2))};
  ASSERT_TRUE(CommitAndWait(*store_, std::move(write)).ok());
  StoreWrite change;
  change.queues = {MakeQueueRow(QueueOf("queues/b", 3))};
  change.deleted_queues = {"queues/a"};
  ASSERT_TRUE(CommitAndWait(*store_, std::move(change)).ok());
  ASSERT_THAT(store_->Queues(), SizeIs(1));
  EXPECT_EQ(store_->Queues()[0].queue().name(), "queues/b");
  EXPECT_EQ(store_->Queues()[0].queue().gpu_quota(), 3);
  // As for jobs: what goes must be there.
  StoreWrite wrong;
  wrong.deleted_queues = {"queues/a"};
  EXPECT_FALSE(CommitAndWait(*store_, std::move(wrong)).ok());
}

TEST_P(JobStoreTest, ShowsWhatIsCommitted) {
  const auto entries = CommitAndWait(*store_, WriteOf(Record("a"), "CREATED"));
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_THAT(*entries, SizeIs(1));
  EXPECT_EQ(entries->front().event.sequence(), 1);
  EXPECT_EQ(entries->front().job->name(), "jobs/a");
  EXPECT_EQ(entries->front().job->etag(), "1-uid-a");
  EXPECT_EQ(store_->Get("jobs/a")->uid(), "uid-a");
  EXPECT_EQ(store_->LastSequence(), 1);

  ASSERT_TRUE(
      CommitAndWait(*store_, WriteOf(Record("a", 2, v1::Job::PREPARING))).ok());
  EXPECT_EQ(store_->Get("jobs/a")->state(), v1::Job::PREPARING);
  EXPECT_EQ(store_->Get("jobs/a")->etag(), "2-uid-a");
  EXPECT_EQ(store_->LastSequence(), 2);
}

TEST_P(JobStoreTest, AnEntryShowsTheJobAfterItsOwnWrite) {
  StoreWrite first = WriteOf(Record("a"));
  StoreWrite second = WriteOf(Record("a", 2, v1::Job::PREPARING));
  std::vector<v1::Job::State> states;
  const auto note = [&](absl::StatusOr<std::vector<JournalEntry>> entries) {
    states.push_back(entries->front().job->state());
  };
  store_->Commit(std::move(first), note);
  store_->Commit(std::move(second), note);
  Insert("barrier");
  EXPECT_THAT(states, ElementsAre(v1::Job::QUEUED, v1::Job::PREPARING));
}

TEST_P(JobStoreTest, LoadsRowsInTheOrderOfCreation) {
  for (const char* id : {"z", "a", "m"}) Insert(id);
  std::vector<std::string> names;
  const auto records = store_->LoadAll();
  for (const JobRow& row : *records) {
    names.push_back(row->job().name());
  }
  EXPECT_THAT(names, ElementsAre("jobs/z", "jobs/a", "jobs/m"));
}

TEST_P(JobStoreTest, RemembersWhatTheCoordinatorTellsIt) {
  EXPECT_FALSE(store_->Coordinator().has_drain_time());
  StoreWrite write;
  write.coordinator.emplace().mutable_drain_time()->set_seconds(7);
  EXPECT_FALSE(write.empty());
  ASSERT_TRUE(CommitAndWait(*store_, std::move(write)).ok());
  EXPECT_EQ(store_->Coordinator().drain_time().seconds(), 7);
  Insert("a");
  EXPECT_EQ(store_->Coordinator().drain_time().seconds(), 7);
  StoreWrite over;
  over.coordinator.emplace();
  ASSERT_TRUE(CommitAndWait(*store_, std::move(over)).ok());
  EXPECT_FALSE(store_->Coordinator().has_drain_time());
}

TEST_P(JobStoreTest, ListsInPagesNewestFirst) {
  for (const char* id : {"a", "b", "c", "d", "e"}) Insert(id);
  ListJobsQuery query{.page_size = 2};
  JobPage page = *store_->List(query);
  EXPECT_THAT(Names(page), ElementsAre("jobs/e", "jobs/d"));
  query.page_token = page.next_page_token;
  // What is created meanwhile does not move the pages.
  Insert("f");
  page = *store_->List(query);
  EXPECT_THAT(Names(page), ElementsAre("jobs/c", "jobs/b"));
  query.page_token = page.next_page_token;
  page = *store_->List(query);
  EXPECT_THAT(Names(page), ElementsAre("jobs/a"));
  EXPECT_EQ(page.next_page_token, "");
}

TEST_P(JobStoreTest, ListsOnlyTheWantedJobs) {
  Insert("a", v1::Job::QUEUED);
  Insert("b", v1::Job::FAILED);
  Insert("c", v1::Job::QUEUED);
  Insert("d", v1::Job::RUNNING);
  ListJobsQuery query{.page_size = 2};
  query.matches = [](const v1::Job& job) {
    return job.state() != v1::Job::RUNNING;
  };
  JobPage page = *store_->List(query);
  EXPECT_THAT(Names(page), ElementsAre("jobs/c", "jobs/b"));
  query.page_token = page.next_page_token;
  page = *store_->List(query);
  EXPECT_THAT(Names(page), ElementsAre("jobs/a"));
  EXPECT_EQ(page.next_page_token, "");
}

TEST_P(JobStoreTest, ListsInEachOrder) {
  using Order = ListJobsQuery::Order;
  for (const char* id : {"b", "a", "d", "c"}) Insert(id);
  const auto all = [&](Order order, bool descending) {
    ListJobsQuery query{
        .page_size = 3, .order = order, .descending = descending};
    std::string names;
    do {
      const JobPage page = *store_->List(query);
      for (const v1::Job& job : page.jobs) names += job.name().substr(5);
      query.page_token = page.next_page_token;
    } while (!query.page_token.empty());
    return names;
  };
  EXPECT_EQ(all(Order::kCreation, /*descending=*/true), "cdab");
  EXPECT_EQ(all(Order::kCreation, /*descending=*/false), "badc");
  EXPECT_EQ(all(Order::kName, /*descending=*/true), "dcba");
  EXPECT_EQ(all(Order::kName, /*descending=*/false), "abcd");
}

TEST_P(JobStoreTest, DeletesAJobWithAllThatIsItsOwn) {
  Insert("a");
  server::JobRecord record = Record("b");
  record.set_request_id("r");
  StoreWrite write = WriteOf(record);
  write.checkpoints = {CheckpointOf("b", 10)};
  ASSERT_TRUE(CommitAndWait(*store_, write).ok());
  const auto entries = CommitAndWait(*store_, DeletionOf("b"));
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(entries->front().job->name(), "jobs/b");
  EXPECT_FALSE(entries->front().job->has_spec());
  EXPECT_EQ(ErrorReason(store_->Get("jobs/b").status()), "JOB_NOT_FOUND");
  EXPECT_EQ(ErrorReason(store_->ListCheckpoints("jobs/b").status()),
            "JOB_NOT_FOUND");
  EXPECT_THAT(Names(*store_->List({})), ElementsAre("jobs/a"));
  EXPECT_THAT(*store_->LoadAll(), SizeIs(1));
  // Of its journal only the end stays, and the sequence never goes back.
  EXPECT_THAT(Sequences(*store_->ReadJournal(0, 100, "")), ElementsAre(1, 3));
  EXPECT_EQ(store_->LastSequence(), 3);
  EXPECT_THAT(*store_->Unforgotten(), ElementsAre("uid-b"));
  ASSERT_TRUE(CommitAndWait(*store_, {.forgotten = {"uid-b", "none"}}).ok());
  EXPECT_THAT(*store_->Unforgotten(), IsEmpty());
}

TEST_P(JobStoreTest, AnUnlistedCheckpointIsNotListedAnyMore) {
  Insert("a");
  Insert("b");
  StoreWrite write;
  write.checkpoints = {CheckpointOf("a", 10), CheckpointOf("a", 20),
                       CheckpointOf("b", 10)};
  ASSERT_TRUE(CommitAndWait(*store_, write).ok());

  ASSERT_TRUE(
      CommitAndWait(*store_, {.unlisted = {"jobs/a/checkpoints/10"}}).ok());

  const auto left = *store_->ListCheckpoints("jobs/a");
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].step(), 20);
  EXPECT_THAT(*store_->ListCheckpoints("jobs/b"), SizeIs(1));
  // It may be written again.
  ASSERT_TRUE(
      CommitAndWait(*store_, {.checkpoints = {CheckpointOf("a", 10)}}).ok());
  EXPECT_THAT(*store_->ListCheckpoints("jobs/a"), SizeIs(2));
}

TEST_P(JobStoreTest, ANameAndARequestAreFreeAfterADeletion) {
  server::JobRecord record = Record("a");
  record.set_request_id("r");
  ASSERT_TRUE(CommitAndWait(*store_, WriteOf(record)).ok());
  ASSERT_TRUE(CommitAndWait(*store_, DeletionOf("a")).ok());
  record.mutable_job()->set_uid("another");
  ASSERT_TRUE(CommitAndWait(*store_, WriteOf(record)).ok());
  EXPECT_EQ(store_->Get("jobs/a")->etag(), "1-another");
  const auto entries = *store_->ReadJournal(0, 100, "jobs/a");
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].event.type(), kJobDeleted);
  EXPECT_EQ(entries[0].job->uid(), "");
  EXPECT_EQ(entries[1].job->uid(), "another");
}

TEST_P(JobStoreTest, AJobMayBeMadeAndDeletedInOneGroup) {
  store_->Commit(WriteOf(Record("a")), [](auto) {});
  store_->Commit(DeletionOf("a"), [](auto) {});
  Insert("barrier");
  EXPECT_FALSE(store_->Get("jobs/a").ok());
}

TEST_P(JobStoreTest, ADeletionMovesNoPage) {
  for (const char* id : {"a", "b", "c", "d"}) Insert(id);
  ListJobsQuery query{.page_size = 2};
  query.page_token = store_->List(query)->next_page_token;
  for (const char* id : {"d", "c"}) {
    ASSERT_TRUE(CommitAndWait(*store_, DeletionOf(id)).ok());
  }
  Insert("e");
  EXPECT_THAT(Names(*store_->List(query)), ElementsAre("jobs/b", "jobs/a"));
}

TEST_P(JobStoreTest, RefusesAPageTokenThatItNeverGave) {
  for (const char* token : {"x", "-1", "0", "1 2"}) {
    EXPECT_EQ(ErrorReason(store_->List({.page_token = token}).status()),
              "INVALID_PAGE_TOKEN")
        << token;
  }
}

TEST_P(JobStoreTest, ListsCheckpointsOldestFirstAndOnce) {
  Insert("a");
  StoreWrite write;
  write.checkpoints = {CheckpointOf("a", 20), CheckpointOf("a", 10)};
  ASSERT_TRUE(CommitAndWait(*store_, write).ok());
  // Step 20 again, by a later attempt.
  write.checkpoints = {CheckpointOf("a", 20)};
  write.checkpoints[0].set_attempt(2);
  ASSERT_TRUE(CommitAndWait(*store_, write).ok());
  const auto checkpoints = *store_->ListCheckpoints("jobs/a");
  ASSERT_THAT(checkpoints, SizeIs(2));
  EXPECT_EQ(checkpoints[0].step(), 10);
  EXPECT_EQ(checkpoints[1].attempt(), 2);
}

TEST_P(JobStoreTest, ReadsTheJournalFromAnyPoint) {
  Insert("a");
  Insert("b");
  StoreWrite write;
  write.events = {EventOf("a", "ONE"), EventOf("b", "TWO"),
                  EventOf("a", "THREE")};
  ASSERT_TRUE(CommitAndWait(*store_, write).ok());
  EXPECT_THAT(Sequences(*store_->ReadJournal(0, 100, "")),
              ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Sequences(*store_->ReadJournal(2, 2, "")), ElementsAre(3, 4));
  EXPECT_THAT(Sequences(*store_->ReadJournal(0, 100, "jobs/a")),
              ElementsAre(1, 3, 5));
  EXPECT_THAT(Sequences(*store_->ReadJournal(5, 100, "")), IsEmpty());
  const auto entries = *store_->ReadJournal(4, 1, "");
  EXPECT_EQ(entries.front().event.type(), "THREE");
  EXPECT_EQ(entries.front().job->name(), "jobs/a");
}

TEST_P(JobStoreTest, ShowsProgressUntilTheNextCommitOfTheRow) {
  Insert("a");
  v1::Progress progress;
  progress.set_step(7);
  store_->UpdateProgress("jobs/a", progress);
  store_->UpdateProgress("jobs/none", progress);
  EXPECT_EQ(store_->Get("jobs/a")->progress().step(), 7);
  server::JobRecord next = Record("a", 2);
  next.mutable_job()->mutable_progress()->set_step(9);
  ASSERT_TRUE(CommitAndWait(*store_, WriteOf(next)).ok());
  EXPECT_EQ(store_->Get("jobs/a")->progress().step(), 9);
}

TEST_P(JobStoreTest, ShowsWhereTimeGoesUntilTheNextCommitOfTheRow) {
  Insert("a");
  server::TimeAccount account;
  account.set_class_(v1::Goodput::TRAIN);
  account.set_since_nanos(20);
  v1::Goodput goodput;
  goodput.set_ratio(0.5);
  store_->UpdateGoodput("jobs/a", goodput, account);
  store_->UpdateGoodput("jobs/none", goodput, account);
  EXPECT_EQ((*store_->FindRow("jobs/a"))->time_account().since_nanos(), 20);
  EXPECT_EQ(store_->Get("jobs/a")->goodput().ratio(), 0.5);

  // A commit may overtake what was decided before it.
  server::JobRecord next = Record("a", 2);
  next.mutable_time_account()->set_since_nanos(30);
  ASSERT_TRUE(CommitAndWait(*store_, WriteOf(next)).ok());
  store_->UpdateGoodput("jobs/a", goodput, account);
  EXPECT_EQ((*store_->FindRow("jobs/a"))->time_account().since_nanos(), 30);
  EXPECT_EQ(store_->Get("jobs/a")->goodput().ratio(), 0);
}

TEST_P(JobStoreTest, ListsCountGoodputUpToWhenTheyAreAsked) {
  server::JobRecord record = Record("a");
  SpendOn(record, {v1::Goodput::QUEUE, "FIFO"}, absl::FromUnixSeconds(10));
  ASSERT_TRUE(CommitAndWait(*store_, WriteOf(record)).ok());

  EXPECT_TRUE(store_->List({})->jobs[0].goodput().shares().empty());
  const JobPage page =
      *store_->List({.goodput_until = absl::FromUnixSeconds(17)});
  ASSERT_EQ(page.jobs[0].goodput().shares_size(), 1);
  EXPECT_EQ(page.jobs[0].goodput().shares(0).wall().seconds(), 7);
}

// A write that cannot be right means that its writer is wrong about the store.
class BadWriteTest : public JobStoreTest {
 protected:
  void ExpectBreaks(const StoreWrite& bad) {
    Insert("a");
    const auto result = CommitAndWait(*store_, bad);
    EXPECT_EQ(ErrorReason(result.status()), "STORE_UNAVAILABLE")
        << result.status();
    EXPECT_EQ(
        ErrorReason(CommitAndWait(*store_, WriteOf(Record("later"))).status()),
        "STORE_UNAVAILABLE");
    EXPECT_FALSE(store_->Get("jobs/later").ok());
    EXPECT_TRUE(store_->Get("jobs/a").ok());
    EXPECT_EQ(store_->LastSequence(), 1);
  }
};

TEST_P(BadWriteTest, ARowTwice) { ExpectBreaks(WriteOf(Record("a"))); }

TEST_P(BadWriteTest, AVersionThatDoesNotFollow) {
  ExpectBreaks(WriteOf(Record("a", 3)));
}

TEST_P(BadWriteTest, ARowThatWasNeverInserted) {
  ExpectBreaks(WriteOf(Record("b", 2)));
}

TEST_P(BadWriteTest, AnEventOfNoJob) {
  StoreWrite write;
  write.events = {EventOf("none", "X")};
  ExpectBreaks(write);
}

TEST_P(BadWriteTest, ACheckpointOfNoJob) {
  StoreWrite write;
  write.checkpoints = {CheckpointOf("none", 1)};
  ExpectBreaks(write);
}

TEST_P(BadWriteTest, UnlistingWhatIsNotListed) {
  ExpectBreaks({.unlisted = {"jobs/a/checkpoints/10"}});
}

TEST_P(BadWriteTest, ADeletionOfNoJob) { ExpectBreaks(DeletionOf("none")); }

TEST_P(BadWriteTest, ASecondJobForOneRequest) {
  server::JobRecord record = Record("r1");
  record.set_request_id("r");
  ASSERT_TRUE(CommitAndWait(*store_, {.jobs = {MakeJobRow(record)}}).ok());
  server::JobRecord second = Record("r2");
  second.set_request_id("r");
  ExpectBreaks({.jobs = {MakeJobRow(second)}});
}

std::string Name(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "Sqlite" : "Memory";
}
INSTANTIATE_TEST_SUITE_P(Stores, JobStoreTest, ::testing::Bool(), Name);
INSTANTIATE_TEST_SUITE_P(Stores, BadWriteTest, ::testing::Bool(), Name);

TEST(MemoryJobStoreTest, FailsOnDemand) {
  MemoryJobStore store;
  store.Break(absl::InternalError("no disk"));
  const absl::Status status =
      CommitAndWait(store, WriteOf(Record("a"))).status();
  EXPECT_EQ(ErrorReason(status), "STORE_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("no disk"));
}

}  // namespace
}  // namespace lockstep
