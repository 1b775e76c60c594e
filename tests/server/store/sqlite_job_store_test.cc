// What only a store on disk can show: it survives.

#include "server/store/sqlite_job_store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/schema.h"
#include "tests/testing/store_writes.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::lockstep::testing::CheckpointOf;
using ::lockstep::testing::CommitAndWait;
using ::lockstep::testing::DeletionOf;
using ::lockstep::testing::Record;
using ::lockstep::testing::ScopedTempDir;
using ::lockstep::testing::WriteOf;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SqliteJobStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteJobStore> Open() {
    auto store = SqliteJobStore::Open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  // Why the file cannot be opened.
  absl::Status Refusal() { return SqliteJobStore::Open(path_).status(); }

  void MakeStore(int jobs) {
    const auto store = Open();
    for (int i = 0; i < jobs; ++i) {
      ASSERT_TRUE(
          CommitAndWait(*store, WriteOf(Record(absl::StrCat("job-", i)))).ok());
    }
  }

  ScopedTempDir dir_;
  const std::string path_ = dir_.Path("lockstep.db");
};

TEST_F(SqliteJobStoreTest, FindsEverythingAgain) {
  {
    const auto store = Open();
    server::JobRecord record = Record("a");
    record.set_request_id("r-1");
    record.set_request_digest("digest");
    record.add_processes()->set_process_id(42);
    StoreWrite write = WriteOf(record, "CREATED");
    write.checkpoints = {CheckpointOf("a", 10)};
    ASSERT_TRUE(CommitAndWait(*store, write).ok());
    ASSERT_TRUE(CommitAndWait(*store, WriteOf(Record("b"))).ok());
    record.set_version(2);
    ASSERT_TRUE(CommitAndWait(*store, WriteOf(record)).ok());
  }
  const auto store = Open();
  const auto records = *store->LoadAll();
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0]->request_id(), "r-1");
  EXPECT_EQ(records[0]->request_digest(), "digest");
  EXPECT_EQ(records[0]->processes(0).process_id(), 42);
  EXPECT_EQ(records[0]->version(), 2);
  EXPECT_EQ(records[1]->job().name(), "jobs/b");
  EXPECT_THAT(*store->ListCheckpoints("jobs/a"), SizeIs(1));
  EXPECT_EQ(store->LastSequence(), 3);
  EXPECT_EQ(store->ReadJournal(0, 1, "")->front().event.type(), "CREATED");
  // The sequence goes on where it was.
  const auto entries = CommitAndWait(*store, WriteOf(Record("c")));
  EXPECT_EQ(entries->front().event.sequence(), 4);
}

TEST_F(SqliteJobStoreTest, WhatIsDeletedStaysDeleted) {
  std::string token;
  {
    const auto store = Open();
    for (const char* id : {"a", "b", "c", "d"}) {
      ASSERT_TRUE(CommitAndWait(*store, WriteOf(Record(id))).ok());
    }
    token = store->List({.page_size = 1})->next_page_token;
    for (const char* id : {"b", "d"}) {
      ASSERT_TRUE(CommitAndWait(*store, DeletionOf(id)).ok());
    }
  }
  const auto store = Open();
  EXPECT_THAT(*store->LoadAll(), SizeIs(2));
  EXPECT_THAT(*store->Unforgotten(), ElementsAre("uid-b", "uid-d"));
  // The newest entry is of a job that is no more; its number is used up.
  EXPECT_EQ(store->LastSequence(), 6);
  // Neither a deletion nor a restart gives a place in the order to another job.
  ASSERT_TRUE(CommitAndWait(*store, WriteOf(Record("e"))).ok());
  const JobPage page = *store->List({.page_token = token});
  ASSERT_THAT(page.jobs, SizeIs(2));
  EXPECT_EQ(page.jobs[0].name(), "jobs/c");
  EXPECT_EQ(page.jobs[1].name(), "jobs/a");
}

TEST_F(SqliteJobStoreTest, KeepsQueuesOverARestart) {
  {
    const auto store = Open();
    StoreWrite write;
    server::QueueRecord record;
    record.mutable_queue()->set_name("queues/q");
    record.mutable_queue()->set_weight(2);
    record.add_usages()->set_device_milliseconds(7);
    write.queues.push_back(MakeQueueRow(record));
    ASSERT_TRUE(CommitAndWait(*store, std::move(write)).ok());
  }
  {
    const auto store = Open();
    ASSERT_THAT(store->Queues(), SizeIs(1));
    EXPECT_EQ(store->Queues()[0].queue().weight(), 2);
    EXPECT_EQ(store->Queues()[0].usages(0).device_milliseconds(), 7);
    StoreWrite write;
    write.deleted_queues = {"queues/q"};
    ASSERT_TRUE(CommitAndWait(*store, std::move(write)).ok());
  }
  EXPECT_THAT(Open()->Queues(), IsEmpty());
}

TEST_F(SqliteJobStoreTest, GroupsWaitingWritesIntoOneTransaction) {
  constexpr int kWrites = 100;
  const auto store = Open();
  absl::Notification entered;
  absl::Notification release;
  store->Commit(WriteOf(Record("first")), [&](auto) {
    entered.Notify();
    release.WaitForNotification();
  });
  entered.WaitForNotification();
  ASSERT_EQ(store->transactions(), 1);
  absl::BlockingCounter done(kWrites);
  std::vector<int64_t> sequences;
  for (int i = 0; i < kWrites; ++i) {
    store->Commit(WriteOf(Record(absl::StrCat("job-", i))),
                  [&](absl::StatusOr<std::vector<JournalEntry>> entries) {
                    sequences.push_back(entries->front().event.sequence());
                    done.DecrementCount();
                  });
  }
  release.Notify();
  done.Wait();
  EXPECT_EQ(store->transactions(), 2);
  // Called in the order of the commits.
  for (int i = 0; i < kWrites; ++i) EXPECT_EQ(sequences[i], i + 2);
}

TEST_F(SqliteJobStoreTest, TellsHowLongEachTransactionTook) {
  std::vector<absl::Duration> took;
  auto store = Open();
  store->SetTransactionListener(
      [&](absl::Duration duration) { took.push_back(duration); });
  ASSERT_TRUE(CommitAndWait(*store, WriteOf(Record("a"))).ok());
  // One that fails takes its time, too; after it there is none.
  ASSERT_FALSE(CommitAndWait(*store, WriteOf(Record("a"))).ok());
  ASSERT_FALSE(CommitAndWait(*store, WriteOf(Record("b"))).ok());
  store.reset();
  ASSERT_EQ(took.size(), 2);
  EXPECT_GT(took[0], absl::ZeroDuration());
  EXPECT_GT(took[1], absl::ZeroDuration());
}

TEST_F(SqliteJobStoreTest, CommitsWhatIsQueuedBeforeItCloses) {
  {
    const auto store = Open();
    for (int i = 0; i < 50; ++i) {
      store->Commit(WriteOf(Record(absl::StrCat("job-", i))), [](auto) {});
    }
  }
  EXPECT_THAT(*Open()->LoadAll(), SizeIs(50));
}

// A child commits as fast as it can and tells each acknowledged job through a
// pipe, until it is killed.
TEST_F(SqliteJobStoreTest, KeepsAllThatWasAcknowledgedThroughKill9) {
  std::set<std::string> acknowledged;
  int64_t next = 0;
  for (int round = 0; round < 5; ++round) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = SqliteJobStore::Open(path_);
      if (!store.ok()) _exit(1);
      for (int64_t i = next;; ++i) {
        (*store)->Commit(WriteOf(Record(absl::StrCat("job-", i))),
                         [i, fd = fds[1]](auto entries) {
                           if (!entries.ok()) _exit(1);
                           if (write(fd, &i, sizeof(i)) < 0) _exit(1);
                         });
      }
    }
    close(fds[1]);
    int64_t id = 0;
    int read_now = 0;
    while (read_now < 200 && read(fds[0], &id, sizeof(id)) == sizeof(id)) {
      acknowledged.insert(absl::StrCat("jobs/job-", id));
      ++read_now;
    }
    kill(child, SIGKILL);
    // What it had told before it died.
    while (read(fds[0], &id, sizeof(id)) == sizeof(id)) {
      acknowledged.insert(absl::StrCat("jobs/job-", id));
    }
    close(fds[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "round " << round;
    ASSERT_GE(read_now, 200);

    const auto store = Open();
    std::set<std::string> stored;
    const auto records = *store->LoadAll();
    for (const JobRow& row : records) {
      EXPECT_TRUE(stored.insert(row->job().name()).second);
    }
    for (const std::string& name : acknowledged) {
      EXPECT_TRUE(stored.contains(name)) << name;
    }
    // A row and its journal entry are one.
    EXPECT_EQ(store->LastSequence(), static_cast<int64_t>(records.size()));
    next = static_cast<int64_t>(records.size());
  }
  RecordProperty("acknowledged", static_cast<int>(acknowledged.size()));
}

// The path of a whole copy of `store`; `between` runs after the first piece.
std::string BackUp(SqliteJobStore& store, const ScopedTempDir& dir,
                   const std::function<void()>& between) {
  std::string path = dir.Path("copy.db");
  auto copy = store.Start(path);
  EXPECT_TRUE(copy.ok()) << copy.status();
  absl::StatusOr<bool> whole = (*copy)->Step();
  between();
  while (whole.ok() && !*whole) whole = (*copy)->Step();
  EXPECT_TRUE(whole.ok()) << whole.status();
  return path;
}

TEST_F(SqliteJobStoreTest, ABackupIsAStoreOfItsOwn) {
  const auto store = Open();
  // Several pieces of a MiB.
  for (int i = 0; i < 40; ++i) {
    server::JobRecord record = Record(absl::StrCat("job-", i));
    (*record.mutable_job()->mutable_labels())["x"] = std::string(100'000, 'x');
    ASSERT_TRUE(CommitAndWait(*store, WriteOf(record)).ok());
  }
  const std::string path = BackUp(*store, dir_, [&] {
    // Jobs come and go meanwhile.
    ASSERT_TRUE(CommitAndWait(*store, WriteOf(Record("late"))).ok());
    ASSERT_TRUE(CommitAndWait(*store, DeletionOf("job-0")).ok());
  });
  ASSERT_TRUE(CommitAndWait(*store, WriteOf(Record("too-late"))).ok());
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path + "-journal"));

  const auto copy = SqliteJobStore::Open(path);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_THAT(*(*copy)->LoadAll(), SizeIs(40));
  EXPECT_TRUE((*copy)->Get("jobs/late").ok());
  EXPECT_FALSE((*copy)->Get("jobs/job-0").ok());
  EXPECT_EQ((*copy)->LastSequence(), 42);
  EXPECT_TRUE(CommitAndWait(**copy, WriteOf(Record("new"))).ok());
  // The store itself goes on.
  EXPECT_FALSE(store->Get("jobs/new").ok());
  EXPECT_TRUE(store->Get("jobs/too-late").ok());
}

TEST_F(SqliteJobStoreTest, ABackupThatIsGivenUpHoldsNothing) {
  const auto store = Open();
  ASSERT_TRUE(CommitAndWait(*store, WriteOf(Record("a"))).ok());
  { const auto copy = store->Start(dir_.Path("copy.db")); }
  EXPECT_TRUE(CommitAndWait(*store, WriteOf(Record("b"))).ok());
}

TEST_F(SqliteJobStoreTest, ABackupSaysWhereItCannotBeWritten) {
  const auto store = Open();
  EXPECT_FALSE(store->Start(dir_.Path("none/copy.db")).ok());
}

TEST_F(SqliteJobStoreTest, RefusesAFileThatAnotherUses) {
  const auto store = Open();
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsUnavailable(refusal));
  EXPECT_THAT(std::string(refusal.message()),
              AllOf(HasSubstr(path_), HasSubstr("another process")));
}

TEST_F(SqliteJobStoreTest, RefusesAStoreOfANewerRelease) {
  MakeStore(1);
  {
    auto connection = sqlite::Connection::Open(path_);
    ASSERT_TRUE(connection
                    ->Execute(absl::StrCat("PRAGMA user_version = ",
                                           kSchemaVersion + 1))
                    .ok());
  }
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsFailedPrecondition(refusal));
  EXPECT_THAT(
      std::string(refusal.message()),
      AllOf(HasSubstr(path_),
            HasSubstr(absl::StrCat("its version is ", kSchemaVersion + 1)),
            HasSubstr(absl::StrCat("versions up to ", kSchemaVersion))));
}

TEST_F(SqliteJobStoreTest, RefusesWhatIsNoDatabase) {
  std::ofstream(path_) << "this is a letter, and it is long enough to be read "
                          "as the header of a file of SQLite, which it is not "
                          "and never was.";
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsDataLoss(refusal)) << refusal;
  EXPECT_THAT(
      std::string(refusal.message()),
      AllOf(HasSubstr(path_), HasSubstr("damaged"), HasSubstr("backup")));
}

TEST_F(SqliteJobStoreTest, RefusesAnotherProgramsDatabase) {
  {
    auto connection = sqlite::Connection::Open(path_);
    ASSERT_TRUE(connection->Execute("CREATE TABLE t (a)").ok());
  }
  EXPECT_TRUE(absl::IsDataLoss(Refusal()));
}

TEST_F(SqliteJobStoreTest, NeverStartsEmptyInPlaceOfAStoreThatWas) {
  MakeStore(3);
  { const std::ofstream emptied(path_, std::ios::trunc); }
  EXPECT_TRUE(absl::IsDataLoss(Refusal()));
  std::filesystem::remove(path_);
  std::ofstream(path_ + "-wal") << "x";
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsDataLoss(refusal));
  EXPECT_THAT(std::string(refusal.message()), HasSubstr("-wal is there"));
}

TEST_F(SqliteJobStoreTest, RefusesADamagedTable) {
  MakeStore(200);
  // Not the header: the pages of the tables.
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  for (int i = 0; i < 3 * 4096; ++i) file.put('\x5a');
  file.close();
  const absl::Status refusal = Refusal();
  EXPECT_TRUE(absl::IsDataLoss(refusal)) << refusal;
}

TEST_F(SqliteJobStoreTest, CleansUpACreationThatWasCutOff) {
  std::ofstream(path_ + ".new") << "half a file";
  MakeStore(1);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(SqliteJobStoreTest, IsForItsOwnerAndGroup) {
  MakeStore(1);
  EXPECT_EQ(std::filesystem::status(path_).permissions() &
                std::filesystem::perms::others_all,
            std::filesystem::perms::none);
}

TEST_F(SqliteJobStoreTest, SaysWhichFileCannotBeCreated) {
  const std::string path = dir_.Path("missing/lockstep.db");
  const absl::Status status = SqliteJobStore::Open(path).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

}  // namespace
}  // namespace lockstep
