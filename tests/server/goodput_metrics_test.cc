#include "server/goodput_metrics.h"

#include <string>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "server/store/goodput.h"
#include "server/store/memory_job_store.h"
#include "tests/testing/fake_clock.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using ::lockstep::testing::FakeClock;

class GoodputMetricsTest : public ::testing::Test {
 protected:
  void Commit(const server::JobRecord& record) {
    StoreWrite write;
    write.jobs.push_back(MakeJobRow(record));
    absl::Notification done;
    store_.Commit(std::move(write), [&](const auto& result) {
      ASSERT_TRUE(result.ok());
      done.Notify();
    });
    done.WaitForNotification();
  }

  std::string Page() const {
    return prometheus::TextSerializer().Serialize(
        GoodputMetrics(clock_, store_, metrics_).Collect());
  }

  FakeClock clock_;
  MemoryJobStore store_;
  ServerMetrics metrics_{clock_, {}};
};

TEST_F(GoodputMetricsTest, CountsUpToTheScrape) {
  server::JobRecord record;
  record.set_version(1);
  record.mutable_job()->set_name("jobs/a");
  record.mutable_job()->set_state(v1::Job::RUNNING);
  record.mutable_job()->set_attempt(1);
  SpendOn(record, {v1::Goodput::QUEUE, "FIFO"}, clock_.WallTime());
  SpendOn(record, {v1::Goodput::QUEUE, "CAPACITY"},
          clock_.WallTime() + absl::Seconds(1));
  SpendOn(record, {v1::Goodput::START, "SUBMITTED", 2},
          clock_.WallTime() + absl::Seconds(3));
  SpendOn(record, {v1::Goodput::TRAIN, "", 2},
          clock_.WallTime() + absl::Seconds(4));
  Commit(record);
  metrics_.JobSeen(record.job());

  clock_.Advance(absl::Seconds(7));

  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("lockstep_job_time_seconds{job_id=\"a\","
                              "class=\"queue\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("lockstep_job_time_seconds{job_id=\"a\","
                              "class=\"train\"} 3\n"));
  EXPECT_THAT(page,
              HasSubstr("lockstep_train_goodput_ratio{job_id=\"a\"} 0.75\n"));
}

// Whatever number of jobs, there is a series for what has cost devices time.
TEST_F(GoodputMetricsTest, SumsDeviceTimeOfAllJobsByCause) {
  for (const char* name : {"jobs/a", "jobs/b"}) {
    server::JobRecord record;
    record.set_version(1);
    record.mutable_job()->set_name(name);
    record.mutable_job()->set_state(v1::Job::RUNNING);
    SpendOn(record, {v1::Goodput::QUEUE, "FIFO"}, clock_.WallTime());
    SpendOn(record, {v1::Goodput::START, "SUBMITTED", 2},
            clock_.WallTime() + absl::Seconds(1));
    SpendOn(record, {v1::Goodput::IDLE, "WORKER_CRASH", 2},
            clock_.WallTime() + absl::Seconds(2));
    SpendOn(record, {v1::Goodput::TRAIN, "", 2},
            clock_.WallTime() + absl::Seconds(5));
    Commit(record);
    metrics_.JobSeen(record.job());
  }
  clock_.Advance(absl::Seconds(9));

  const std::string page = Page();
  const std::string family = "lockstep_goodput_device_seconds{class=";
  EXPECT_THAT(page, HasSubstr(family + "\"start\",cause=\"submitted\"} 4\n"));
  EXPECT_THAT(page,
              HasSubstr(family + "\"idle\",cause=\"worker_crash\"} 12\n"));
  EXPECT_THAT(page, HasSubstr(family + "\"train\",cause=\"\"} 16\n"));
  // It held none.
  EXPECT_THAT(page, Not(HasSubstr(family + "\"queue\"")));
}

// There may be a hundred thousand of them.
TEST_F(GoodputMetricsTest, AJobThatOnlyWaitsHasNoSeries) {
  server::JobRecord record;
  record.set_version(1);
  record.mutable_job()->set_name("jobs/a");
  record.mutable_job()->set_state(v1::Job::QUEUED);
  SpendOn(record, {v1::Goodput::QUEUE, "FIFO"}, clock_.WallTime());
  Commit(record);
  metrics_.JobSeen(record.job());
  clock_.Advance(absl::Seconds(7));
  EXPECT_THAT(Page(), IsEmpty());

  // Begun, and it has held no device yet.
  record.mutable_job()->set_state(v1::Job::CANCELLING);
  metrics_.JobSeen(record.job());
  EXPECT_THAT(Page(), HasSubstr("class=\"queue\"} 7\n"));
  EXPECT_THAT(Page(), Not(HasSubstr("lockstep_train_goodput_ratio")));
}

}  // namespace
}  // namespace lockstep
