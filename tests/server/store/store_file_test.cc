// The store's file through upgrades and damage.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/schema.h"
#include "server/store/sqlite_job_store.h"
#include "tests/testing/kill_at_call.h"
#include "tests/testing/store_writes.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::lockstep::testing::CommitAndWait;
using ::lockstep::testing::DeletionOf;
using ::lockstep::testing::KillAtCall;
using ::lockstep::testing::Record;
using ::lockstep::testing::ScopedTempDir;
using ::lockstep::testing::WriteOf;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

namespace fs = std::filesystem;

std::string ReadBytes(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A store as a release left it (tests/testdata/README.md), and what must be
// found in it for ever.
struct FrozenStore {
  int version;
  // Name, state and version of each row.
  std::vector<std::string> jobs;
  // Pinned of jobs/long.
  int pinned;
  int64_t last_sequence;
  size_t journal_entries;
  // Deleted jobs of which files may be left.
  size_t unforgotten;
  bool drained;
  // Rows of queues: what was used of the default one.
  size_t queues;
};

const FrozenStore kFrozenStores[] = {
    {.version = 1,
     .jobs = {"jobs/done SUCCEEDED 11", "jobs/broken FAILED 4",
              "jobs/long RUNNING 15", "jobs/stopped CANCELLED 4"},
     .pinned = 0,
     .last_sequence = 30,
     .journal_entries = 30,
     .unforgotten = 0,
     .drained = false,
     .queues = 0},
    {.version = 3,
     .jobs = {"jobs/done SUCCEEDED 11", "jobs/broken FAILED 4",
              "jobs/long RUNNING 10", "jobs/stopped CANCELLED 4",
              "jobs/waiting QUEUED 5"},
     .pinned = 1,
     .last_sequence = 41,
     .journal_entries = 31,
     .unforgotten = 1,
     .drained = true,
     .queues = 0},
    {.version = 4,
     .jobs = {"jobs/done SUCCEEDED 11", "jobs/broken FAILED 4",
              "jobs/long RUNNING 12", "jobs/stopped CANCELLED 4",
              "jobs/waiting QUEUED 5"},
     .pinned = 1,
     .last_sequence = 43,
     .journal_entries = 33,
     .unforgotten = 1,
     .drained = true,
     .queues = 1},
};

class FrozenStoreTest : public ::testing::TestWithParam<FrozenStore> {
 protected:
  // Puts the frozen file in the place of what was there.
  void Thaw() {
    for (const char* suffix : {"-wal", "-shm", "-journal"}) {
      fs::remove(path_ + suffix);
    }
    WriteBytes(path_, frozen_);
  }

  int64_t VersionOnDisk() {
    auto connection = sqlite::Connection::Open(path_);
    return *connection->QueryInt("PRAGMA user_version");
  }

  void ExpectWhole(JobStore& store) {
    std::vector<std::string> jobs;
    const auto records = *store.LoadAll();
    jobs.reserve(records.size());
    for (const JobRow& row : records) {
      jobs.push_back(absl::StrCat(row->job().name(), " ",
                                  v1::Job::State_Name(row->job().state()), " ",
                                  row->version()));
    }
    EXPECT_EQ(jobs, GetParam().jobs);
    EXPECT_THAT(records[0]->request_id(), StartsWith("request-"));
    EXPECT_THAT(*store.ListCheckpoints("jobs/done"), SizeIs(2));
    const auto checkpoints = *store.ListCheckpoints("jobs/long");
    EXPECT_EQ(std::count_if(checkpoints.begin(), checkpoints.end(),
                            [](const auto& one) { return one.pinned(); }),
              GetParam().pinned);
    EXPECT_EQ(store.LastSequence(), GetParam().last_sequence);
    EXPECT_THAT(*store.ReadJournal(0, 100, ""),
                SizeIs(GetParam().journal_entries));
    EXPECT_EQ(store.ReadJournal(0, 1, "jobs/long")->front().event.type(),
              "JOB_CREATED");
    EXPECT_THAT(*store.Unforgotten(), SizeIs(GetParam().unforgotten));
    EXPECT_EQ(store.Coordinator().has_drain_time(), GetParam().drained);
    EXPECT_THAT(store.Queues(), SizeIs(GetParam().queues));
  }

  ScopedTempDir dir_;
  const std::string path_ = dir_.Path("lockstep.db");
  const std::string frozen_ = ReadBytes(
      absl::StrCat(std::getenv("LOCKSTEP_SOURCE_DIR"),
                   "/tests/testdata/stores/v", GetParam().version, ".db"));
};

TEST_P(FrozenStoreTest, IsUpgradedWithAllThatIsInIt) {
  Thaw();
  ASSERT_EQ(VersionOnDisk(), GetParam().version);
  {
    const auto store = SqliteJobStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectWhole(**store);
    // And can do what it could not before.
    ASSERT_TRUE(CommitAndWait(**store, WriteOf(Record("new"))).ok());
    StoreWrite deletion = DeletionOf("broken");
    ASSERT_TRUE(CommitAndWait(**store, std::move(deletion)).ok());
  }
  EXPECT_EQ(VersionOnDisk(), kSchemaVersion);
  const auto store = SqliteJobStore::Open(path_);
  ASSERT_TRUE(store.ok()) << store.status();
  // One more, and one less.
  EXPECT_THAT(*(*store)->LoadAll(), SizeIs(GetParam().jobs.size()));
  EXPECT_EQ((*store)->LastSequence(), GetParam().last_sequence + 2);
}

TEST_P(FrozenStoreTest, AnUpgradeThatIsKilledIsDoneOrNotBegun) {
  std::set<int64_t> versions;
  int kills = 0;
  while (true) {
    Thaw();
    if (!KillAtCall(kills + 1, [&] { (void)OpenStoreFile(path_).status(); })) {
      break;
    }
    ++kills;
    SCOPED_TRACE(absl::StrCat("killed at call ", kills));
    versions.insert(VersionOnDisk());
    const auto store = SqliteJobStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectWhole(**store);
    if (HasFailure()) return;
  }
  EXPECT_EQ(versions, (std::set<int64_t>{GetParam().version, kSchemaVersion}));
  if (GetParam().version < kSchemaVersion) {
    EXPECT_GE(kills, 10);
  }
  RecordProperty("kill_points", kills);
}

TEST_P(FrozenStoreTest, AStoreOfANewerReleaseIsNotTouched) {
  Thaw();
  {
    auto connection = sqlite::Connection::Open(path_);
    ASSERT_TRUE(connection->Execute("PRAGMA user_version = 1000").ok());
  }
  const std::string before = ReadBytes(path_);
  const absl::Status refusal = SqliteJobStore::Open(path_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refusal)) << refusal;
  EXPECT_THAT(std::string(refusal.message()), HasSubstr("newer"));
  EXPECT_EQ(ReadBytes(path_), before);
}

INSTANTIATE_TEST_SUITE_P(Versions, FrozenStoreTest,
                         ::testing::ValuesIn(kFrozenStores),
                         [](const auto& info) {
                           return absl::StrCat("V", info.param.version);
                         });

// A release that changes the schema leaves its store behind.
TEST(FrozenStoresTest, TheNewestSchemaIsAmongThem) {
  EXPECT_EQ(std::rbegin(kFrozenStores)->version, kSchemaVersion);
}

// Of a SQLite file, as its header says: two bytes from the 16th on.
size_t PageSizeOf(const std::string& bytes) {
  const auto byte = [&](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(bytes.at(i)));
  };
  return byte(16) << 8 | byte(17);
}

std::vector<std::string> JobsOf(JobStore& store) {
  const auto records = store.LoadAll();
  std::vector<std::string> jobs;
  jobs.reserve(records->size());
  for (const JobRow& row : *records) {
    jobs.push_back(row->SerializeAsString());
  }
  return jobs;
}

class StoreDamageTest : public ::testing::Test {
 protected:
  StoreDamageTest() {
    const auto store = SqliteJobStore::Open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < 60; ++i) {
      server::JobRecord record = Record(absl::StrCat("job-", i));
      (*record.mutable_job()->mutable_labels())["x"] = std::string(2000, 'x');
      EXPECT_TRUE(CommitAndWait(**store, WriteOf(record)).ok());
    }
    jobs_ = JobsOf(**store);
    // The write-ahead log goes into the file when the store is closed.
  }

  // Whether a store with these bytes is refused; one that is not must be whole.
  bool Refused(const std::string& bytes) {
    for (const char* suffix : {"-wal", "-shm"}) fs::remove(path_ + suffix);
    WriteBytes(path_, bytes);
    const auto store = SqliteJobStore::Open(path_);
    if (store.ok()) {
      EXPECT_EQ(JobsOf(**store), jobs_);
      return false;
    }
    EXPECT_TRUE(absl::IsDataLoss(store.status()) ||
                absl::IsFailedPrecondition(store.status()))
        << store.status();
    EXPECT_THAT(std::string(store.status().message()),
                AnyOf(HasSubstr("backup"), HasSubstr("newer release")));
    return true;
  }

  ScopedTempDir dir_;
  const std::string path_ = dir_.Path("lockstep.db");
  std::vector<std::string> jobs_;
  std::mt19937 random_{1};
};

// What is opened in spite of the damage lacks nothing.
TEST_F(StoreDamageTest, PagesOfRandomBytesAreRefusedOrDoNoHarm) {
  const std::string whole = ReadBytes(path_);
  const size_t page_size = PageSizeOf(whole);
  ASSERT_EQ(page_size, 8192);
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::string damaged = whole;
    const size_t page = random_() % (whole.size() / page_size);
    for (size_t i = 0; i < page_size; ++i) {
      damaged[page * page_size + i] = static_cast<char>(random_());
    }
    refused += Refused(damaged) ? 1 : 0;
  }
  RecordProperty("refused_pages_of_200", refused);
  EXPECT_GT(refused, 150);
}

TEST_F(StoreDamageTest, FlippedBitsAreRefusedOrDoNoHarm) {
  const std::string whole = ReadBytes(path_);
  int refused = 0;
  for (int round = 0; round < 500; ++round) {
    const size_t at = random_() % whole.size();
    SCOPED_TRACE(absl::StrCat("round ", round, ", byte ", at));
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random_() % 8)));
    refused += Refused(damaged) ? 1 : 0;
  }
  RecordProperty("refused_bits_of_500", refused);
  // The rest hit free space, or entries of the journal, which are checked when
  // they are read.
  EXPECT_GT(refused, 150);
}

// The check opens the file by a URI.
TEST(StoreCheckTest, FindsTheFileWhateverItsName) {
  const ScopedTempDir dir;
  const std::string path = dir.Path("a b?mode=memory&c%20#d.db");
  {
    const auto store = SqliteJobStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(CommitAndWait(**store, WriteOf(Record("a"))).ok());
  }
  EXPECT_TRUE(StoreCheck(path).Wait().ok());
  EXPECT_TRUE(SqliteJobStore::Open(path).ok());
  std::string bytes = ReadBytes(path);
  std::fill(bytes.begin() + PageSizeOf(bytes), bytes.end(), 'x');
  WriteBytes(path, bytes);
  EXPECT_TRUE(absl::IsDataLoss(StoreCheck(path).Wait()));
  EXPECT_TRUE(absl::IsDataLoss(SqliteJobStore::Open(path).status()));
}

TEST(StoreCheckTest, AFileThatIsGoneIsNotWhole) {
  const ScopedTempDir dir;
  EXPECT_FALSE(StoreCheck(dir.Path("lockstep.db")).Wait().ok());
}

TEST_F(StoreDamageTest, AChangedValueIsFoundWhereItIsRead) {
  const auto change = [&](const char* sql) {
    auto connection = sqlite::Connection::Open(path_);
    ASSERT_TRUE(connection.ok());
    EXPECT_TRUE(connection->Execute(sql).ok());
  };
  change("UPDATE journal SET event = zeroblob(3) WHERE sequence = 2");
  {
    const auto store = SqliteJobStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->ReadJournal(0, 1, "").ok());
    const absl::Status damaged = (*store)->ReadJournal(1, 1, "").status();
    EXPECT_TRUE(absl::IsDataLoss(damaged));
    EXPECT_THAT(std::string(damaged.message()), HasSubstr("journal entry"));
    EXPECT_TRUE((*store)->ReadJournal(2, 1, "").ok());
  }
  // A record that is still a message, but another one.
  change("UPDATE jobs SET record = zeroblob(0) WHERE id = 7");
  const absl::Status refusal = SqliteJobStore::Open(path_).status();
  EXPECT_TRUE(absl::IsDataLoss(refusal));
  EXPECT_THAT(
      std::string(refusal.message()),
      AllOf(HasSubstr(path_), HasSubstr("holds a job that is damaged")));
}

}  // namespace
}  // namespace lockstep
