// The store's file through upgrades and damage.

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <sstream>

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
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

namespace fs = std::filesystem;

std::string ReadBytes(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// The store as release 0.1.0 left it: a job that succeeded, one that failed in
// prepare, one that runs and one that was cancelled.
class FrozenStoreTest : public ::testing::Test {
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
    for (const server::JobRecord& record : records) {
      jobs.push_back(absl::StrCat(record.job().name(), " ",
                                  v1::Job::State_Name(record.job().state()),
                                  " ", record.version()));
    }
    EXPECT_THAT(
        jobs, ElementsAre("jobs/done SUCCEEDED 11", "jobs/broken FAILED 4",
                          "jobs/long RUNNING 15", "jobs/stopped CANCELLED 4"));
    EXPECT_EQ(records[0].request_id(), "request-1");
    EXPECT_THAT(*store.ListCheckpoints("jobs/done"), SizeIs(2));
    EXPECT_EQ(store.LastSequence(), 30);
    EXPECT_THAT(*store.ReadJournal(0, 100, ""), SizeIs(30));
    EXPECT_EQ(store.ReadJournal(0, 1, "jobs/long")->front().event.type(),
              "JOB_CREATED");
  }

  ScopedTempDir dir_;
  const std::string path_ = dir_.Path("lockstep.db");
  const std::string frozen_ = ReadBytes(absl::StrCat(
      std::getenv("LOCKSTEP_SOURCE_DIR"), "/tests/testdata/stores/v1.db"));
};

TEST_F(FrozenStoreTest, IsUpgradedWithAllThatIsInIt) {
  Thaw();
  ASSERT_EQ(VersionOnDisk(), 1);
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
  EXPECT_THAT(*(*store)->LoadAll(), SizeIs(4));
  EXPECT_EQ((*store)->LastSequence(), 32);
}

TEST_F(FrozenStoreTest, AnUpgradeThatIsKilledIsDoneOrNotBegun) {
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
  EXPECT_THAT(versions, ElementsAre(1, kSchemaVersion));
  EXPECT_GE(kills, 10);
  RecordProperty("kill_points", kills);
}

TEST_F(FrozenStoreTest, AStoreOfANewerReleaseIsNotTouched) {
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

std::vector<std::string> JobsOf(JobStore& store) {
  const auto records = store.LoadAll();
  std::vector<std::string> jobs;
  jobs.reserve(records->size());
  for (const server::JobRecord& record : *records) {
    jobs.push_back(record.SerializeAsString());
  }
  return jobs;
}

// Pages of random bytes: what is opened in spite of them lacks nothing.
TEST(StoreDamageTest, IsRefusedOrDoesNoHarm) {
  const ScopedTempDir dir;
  const std::string path = dir.Path("lockstep.db");
  std::vector<std::string> jobs;
  {
    const auto store = SqliteJobStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < 60; ++i) {
      server::JobRecord record = Record(absl::StrCat("job-", i));
      (*record.mutable_job()->mutable_labels())["x"] = std::string(2000, 'x');
      ASSERT_TRUE(CommitAndWait(**store, WriteOf(record)).ok());
    }
    jobs = JobsOf(**store);
  }
  const std::string whole = ReadBytes(path);
  constexpr size_t kPage = 4096;
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::string damaged = whole;
    const size_t page = random() % (whole.size() / kPage);
    for (size_t i = 0; i < kPage; ++i) {
      damaged[page * kPage + i] = static_cast<char>(random());
    }
    for (const char* suffix : {"-wal", "-shm"}) fs::remove(path + suffix);
    WriteBytes(path, damaged);
    const auto store = SqliteJobStore::Open(path);
    if (!store.ok()) {
      ++refused;
      EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
      EXPECT_THAT(std::string(store.status().message()),
                  AnyOf(HasSubstr("backup"), HasSubstr("emptied")));
      continue;
    }
    EXPECT_EQ(JobsOf(**store), jobs) << "page " << page;
  }
  RecordProperty("refused_of_200", refused);
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace lockstep
