// A disk that breaks, or is full, at each single call of the store: what was
// acknowledged is there, nothing is acknowledged after an error that leaves the
// file in doubt, and the next start finds a store that works.

#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "server/store/sqlite_job_store.h"
#include "tests/testing/fail_at_call.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::CommitAndWait;
using ::lockstep::testing::FailAtCall;
using ::lockstep::testing::FailingCall;
using ::lockstep::testing::Record;
using ::lockstep::testing::WriteOf;
using ::testing::HasSubstr;

constexpr int kEnough = 1000;
constexpr int kJobs = 3;
// Of one write, before it is seen that the disk stays full.
constexpr int kTries = 4;

enum class Outcome { kNotAsked, kAcknowledged, kFailed, kWaiting };

// What the child was told, in memory that the parent sees too.
class Outcomes {
 public:
  Outcomes()
      : shared_(static_cast<Array*>(mmap(nullptr, sizeof(Array),
                                         PROT_READ | PROT_WRITE,
                                         MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Outcomes() { munmap(shared_, sizeof(Array)); }
  Outcomes(const Outcomes&) = delete;
  Outcomes& operator=(const Outcomes&) = delete;

  Outcome& operator[](int job) const { return (*shared_)[job]; }

 private:
  using Array = std::array<Outcome, kJobs>;
  Array* const shared_;
};

// In memory: hundreds of stores are written, and their errors are made.
class MemoryDir {
 public:
  MemoryDir() { EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_; }
  ~MemoryDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MemoryDir(const MemoryDir&) = delete;
  MemoryDir& operator=(const MemoryDir&) = delete;

  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/dev/shm/lockstep-test-XXXXXX";
};

std::string NewJob(int i) { return absl::StrCat("new-", i); }

// One job after another, each with a transaction of its own, and closes the
// store. What still waits for room then, waits in vain.
absl::Status CommitJobs(const std::string& path, const Outcomes& outcomes) {
  absl::Mutex mu;
  int tries = 0;
  bool answered = false;
  ASSIGN_OR_RETURN(
      const std::unique_ptr<SqliteJobStore> store,
      SqliteJobStore::Open(path, {.full_retry = absl::Milliseconds(1)}));
  store->SetTransactionListener([&](absl::Duration) {
    absl::MutexLock lock(&mu);
    ++tries;
  });
  const auto settled = [&] { return answered || tries >= kTries; };
  for (int i = 0; i < kJobs; ++i) {
    absl::MutexLock lock(&mu);
    tries = 0;
    answered = false;
    outcomes[i] = Outcome::kWaiting;
    store->Commit(WriteOf(Record(NewJob(i))), [&, i](const auto& entries) {
      absl::MutexLock told(&mu);
      answered = true;
      outcomes[i] = entries.ok() ? Outcome::kAcknowledged : Outcome::kFailed;
    });
    mu.Await(absl::Condition(&settled));
    if (!answered) break;
  }
  return absl::OkStatus();
}

class StoreDiskTest : public ::testing::TestWithParam<FailingCall> {
 protected:
  // A store with one job.
  static void Make(const std::string& path) {
    const auto store = SqliteJobStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(CommitAndWait(**store, WriteOf(Record("old"))).ok());
  }

  // Opens it again, and finds no more and no less than it must.
  static void ExpectWhole(const std::string& path, const Outcomes& outcomes) {
    const auto store = SqliteJobStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->Get("jobs/old").ok());
    bool failed = false;
    for (int i = 0; i < kJobs; ++i) {
      const std::string name = "jobs/" + NewJob(i);
      const bool there = (*store)->Get(name).ok();
      if (outcomes[i] == Outcome::kAcknowledged) {
        EXPECT_FALSE(failed) << name << " was acknowledged after an error";
        EXPECT_TRUE(there) << name << " was acknowledged";
      } else if (outcomes[i] == Outcome::kNotAsked) {
        EXPECT_FALSE(there) << name;
      } else {
        failed = true;
      }
    }
    EXPECT_TRUE(CommitAndWait(**store, WriteOf(Record("next"))).ok());
  }

  static int Count(const Outcomes& outcomes, Outcome outcome) {
    int count = 0;
    for (int i = 0; i < kJobs; ++i) count += outcomes[i] == outcome ? 1 : 0;
    return count;
  }
};

TEST_P(StoreDiskTest, NothingIsAcknowledgedThatIsNotThere) {
  FailingCall failing = GetParam();
  int unopened = 0;
  int broken = 0;
  int waited = 0;
  for (; failing.n < kEnough; ++failing.n) {
    SCOPED_TRACE(absl::StrCat("call ", failing.n));
    const MemoryDir dir;
    const std::string path = dir.Path("lockstep.db");
    Make(path);
    const Outcomes outcomes;

    const std::optional<absl::Status> opened =
        FailAtCall(failing, [&] { return CommitJobs(path, outcomes); });

    if (!opened.has_value()) break;
    ExpectWhole(path, outcomes);
    if (HasFatalFailure()) return;
    unopened += opened->ok() ? 0 : 1;
    broken += Count(outcomes, Outcome::kFailed) > 0 ? 1 : 0;
    waited += opened->ok() && Count(outcomes, Outcome::kFailed) == 0 ? 1 : 0;
  }
  EXPECT_LT(failing.n, kEnough);
  RecordProperty("calls", failing.n - 1);
  RecordProperty("not_opened", unopened);
  RecordProperty("broken", broken);
  EXPECT_GE(unopened, 3);
  // Each transaction writes and syncs.
  EXPECT_GT(broken, 3);
  if (failing.error == ENOSPC && !failing.for_good) {
    // One write was refused, and the next try got through.
    EXPECT_GT(waited, 6);
  }
}

TEST_P(StoreDiskTest, ANewStoreIsWholeOrMadeAnew) {
  FailingCall failing = GetParam();
  int failed = 0;
  for (; failing.n < kEnough; ++failing.n) {
    SCOPED_TRACE(absl::StrCat("call ", failing.n));
    const MemoryDir dir;
    const std::string path = dir.Path("lockstep.db");

    const std::optional<absl::Status> made = FailAtCall(
        failing, [&] { return SqliteJobStore::Open(path).status(); });

    if (!made.has_value()) break;
    failed += made->ok() ? 0 : 1;
    const auto store = SqliteJobStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(CommitAndWait(**store, WriteOf(Record("a"))).ok());
  }
  EXPECT_GT(failed, 10);
  EXPECT_LT(failing.n, kEnough);
}

INSTANTIATE_TEST_SUITE_P(Disks, StoreDiskTest,
                         ::testing::ValuesIn(testing::BadDisks()),
                         testing::NameOfDisk);

TEST(StoreRoomTest, ANewJobLeavesRoomForWhatRuns) {
  const MemoryDir dir;
  const auto store = SqliteJobStore::Open(dir.Path("lockstep.db"),
                                          {.reserve_bytes = int64_t{1} << 62});
  ASSERT_TRUE(store.ok()) << store.status();

  const absl::Status room = (*store)->CheckRoom(JobStore::Demand::kNewJob);

  EXPECT_EQ(ErrorReason(room), "STORE_FULL");
  EXPECT_TRUE(absl::IsResourceExhausted(room));
  EXPECT_THAT(std::string(room.message()),
              HasSubstr(dir.Path("lockstep.db") +
                        " is, and with less than 4611686018427387904"));
  EXPECT_TRUE((*store)->CheckRoom(JobStore::Demand::kChange).ok());
  EXPECT_TRUE(CommitAndWait(**store, WriteOf(Record("a"))).ok());
}

TEST(StoreRoomTest, AJobIsTakenWhereThereIsRoom) {
  const MemoryDir dir;
  const auto store =
      SqliteJobStore::Open(dir.Path("lockstep.db"), {.reserve_bytes = 1});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->CheckRoom(JobStore::Demand::kNewJob).ok());
}

}  // namespace
}  // namespace lockstep
