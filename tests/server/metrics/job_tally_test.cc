#include "server/metrics/job_tally.h"

#include "gmock/gmock.h"
#include "google/protobuf/util/time_util.h"
#include "tests/server/metrics/server_metrics_fixture.h"

namespace lockstep::testing {
namespace {

using google::protobuf::util::TimeUtil;
using ::testing::HasSubstr;
using ::testing::Not;

class JobTallyTest : public ServerMetricsTest {
 protected:
  google::protobuf::Timestamp Now() const {
    return TimeUtil::NanosecondsToTimestamp(
        absl::ToUnixNanos(clock_.WallTime()));
  }

  // Another attempt, which begins now.
  void Begin(v1::Job& job) const {
    *job.add_attempts()->mutable_start_time() = Now();
    job.set_attempt(job.attempts_size());
    job.set_state(v1::Job::STARTING);
  }

  // Wall time of QUEUE is added to the goodput of the job.
  static void Wait(v1::Job& job, const std::string& cause, int seconds) {
    v1::Goodput::Share& share = *job.mutable_goodput()->add_shares();
    share.set_class_(v1::Goodput::QUEUE);
    share.set_cause(cause);
    share.mutable_wall()->set_seconds(seconds);
  }

  void ExpectLine(const std::string& line) {
    EXPECT_THAT(Text(), HasSubstr("\n" + line + "\n"));
  }
};

TEST_F(JobTallyTest, BeginsWithZeros) {
  ExpectLine("lockstep_queue_depth 0");
  for (const char* outcome : {"succeeded", "failed", "cancelled"}) {
    ExpectLine(std::string("lockstep_jobs_finished_total{outcome=\"") +
               outcome + "\"} 0");
  }
  ExpectLine("lockstep_job_restarts_total{reason=\"worker_crash\"} 0");
  ExpectLine("lockstep_job_restarts_total{reason=\"paused\"} 0");
  for (const char* priority : {"low", "normal", "high"}) {
    ExpectLine(
        std::string("lockstep_job_queue_wait_seconds_count{priority=\"") +
        priority + "\"} 0");
  }
  // No job goes on after these.
  EXPECT_THAT(Text(), Not(HasSubstr("reason=\"success\"")));
  EXPECT_THAT(Text(), Not(HasSubstr("reason=\"user_error\"")));
}

TEST_F(JobTallyTest, CountsJobsThatOnlyDevicesKeepWaiting) {
  v1::Job job = JobOf("a", v1::Job::QUEUED);
  for (const auto reason :
       {v1::Job::PREPARATION, v1::Job::DEPENDENCY, v1::Job::BACKOFF}) {
    job.set_pending_reason(reason);
    metrics_.JobSeen(job);
    ExpectLine("lockstep_queue_depth 0");
  }
  for (const auto reason : {v1::Job::CAPACITY, v1::Job::QUOTA,
                            v1::Job::PRIORITY, v1::Job::DRAINING}) {
    job.set_pending_reason(reason);
    metrics_.JobSeen(job);
    ExpectLine("lockstep_queue_depth 1");
  }
  metrics_.JobSeen(JobOf("b", v1::Job::QUEUED));
  ExpectLine("lockstep_queue_depth 2");
  metrics_.JobSeen(JobOf("b", v1::Job::STARTING));
  ExpectLine("lockstep_queue_depth 1");
  metrics_.JobDeleted("jobs/a");
  ExpectLine("lockstep_queue_depth 0");
}

TEST_F(JobTallyTest, CountsHowJobsEnd) {
  metrics_.JobSeen(JobOf("a", v1::Job::RUNNING));
  metrics_.JobSeen(JobOf("a", v1::Job::SUCCEEDED));
  metrics_.JobSeen(JobOf("a", v1::Job::SUCCEEDED));
  metrics_.JobSeen(JobOf("b", v1::Job::CANCELLING));
  metrics_.JobSeen(JobOf("b", v1::Job::CANCELLED));
  ExpectLine("lockstep_jobs_finished_total{outcome=\"succeeded\"} 1");
  ExpectLine("lockstep_jobs_finished_total{outcome=\"cancelled\"} 1");
  // They stay counted.
  metrics_.JobDeleted("jobs/a");
  ExpectLine("lockstep_jobs_finished_total{outcome=\"succeeded\"} 1");
}

// The journal may be read later than it is written.
TEST_F(JobTallyTest, CountsAJobThatEndedBeforeItWasSeen) {
  v1::Job job = JobOf("quick", v1::Job::FAILED);
  *job.mutable_end_time() = Now();
  metrics_.JobSeen(job);
  ExpectLine("lockstep_jobs_finished_total{outcome=\"failed\"} 1");
}

TEST_F(JobTallyTest, CountsNothingThatAnEarlierProcessHasCounted) {
  v1::Job ended = JobOf("ended", v1::Job::FAILED);
  *ended.mutable_end_time() = Now();
  ended.mutable_end_time()->set_seconds(ended.end_time().seconds() - 1);
  metrics_.JobSeen(ended);
  v1::Job begun = JobOf("begun", v1::Job::RUNNING);
  Begin(begun);
  Begin(begun);
  for (v1::Attempt& attempt : *begun.mutable_attempts()) {
    attempt.mutable_start_time()->set_seconds(attempt.start_time().seconds() -
                                              1);
    attempt.set_end_cause(v1::Attempt::WORKER_CRASH);
  }
  Wait(begun, "CAPACITY", 100);
  metrics_.JobSeen(begun);
  ExpectLine("lockstep_jobs_finished_total{outcome=\"failed\"} 0");
  ExpectLine("lockstep_job_restarts_total{reason=\"worker_crash\"} 0");
  ExpectLine("lockstep_job_queue_wait_seconds_count{priority=\"normal\"} 0");

  Wait(begun, "CAPACITY", 7);
  Begin(begun);
  metrics_.JobSeen(begun);
  ExpectLine("lockstep_job_restarts_total{reason=\"worker_crash\"} 1");
  ExpectLine("lockstep_job_queue_wait_seconds_sum{priority=\"normal\"} 7");
}

TEST_F(JobTallyTest, CountsWhatStartsJobsAgain) {
  v1::Job job = JobOf("a", v1::Job::QUEUED);
  metrics_.JobSeen(job);
  Begin(job);
  metrics_.JobSeen(job);
  metrics_.JobSeen(job);
  job.mutable_attempts(0)->set_end_cause(v1::Attempt::PREEMPTED);
  // Two at once: the journal is read in batches.
  Begin(job);
  job.mutable_attempts(1)->set_end_cause(v1::Attempt::GPU_FAULT);
  Begin(job);
  metrics_.JobSeen(job);
  ExpectLine("lockstep_job_restarts_total{reason=\"preempted\"} 1");
  ExpectLine("lockstep_job_restarts_total{reason=\"gpu_fault\"} 1");
  ExpectLine("lockstep_job_restarts_total{reason=\"worker_crash\"} 0");
}

TEST_F(JobTallyTest, TellsHowLongJobsWaitForDevices) {
  v1::Job job = JobOf("a", v1::Job::QUEUED);
  job.set_priority(v1::ResourceSpec::PRIORITY_HIGH);
  Wait(job, "", 1);
  Wait(job, "CAPACITY", 20);
  Wait(job, "PRIORITY", 9);
  for (const char* own : {"PREPARATION", "DEPENDENCY", "BACKOFF", "PAUSED"}) {
    Wait(job, own, 1000);
  }
  v1::Goodput::Share& prepared = *job.mutable_goodput()->add_shares();
  prepared.set_class_(v1::Goodput::PREPARE);
  prepared.mutable_wall()->set_seconds(1000);
  Begin(job);
  metrics_.JobSeen(job);
  ExpectLine(
      "lockstep_job_queue_wait_seconds_bucket{priority=\"high\",le=\"20\"} 0");
  ExpectLine(
      "lockstep_job_queue_wait_seconds_bucket{priority=\"high\",le=\"40\"} 1");
  ExpectLine("lockstep_job_queue_wait_seconds_sum{priority=\"high\"} 30");

  // And again, before the next attempt.
  Wait(job, "CAPACITY", 5);
  Begin(job);
  metrics_.JobSeen(job);
  ExpectLine("lockstep_job_queue_wait_seconds_sum{priority=\"high\"} 35");
  ExpectLine("lockstep_job_queue_wait_seconds_count{priority=\"high\"} 2");
}

}  // namespace
}  // namespace lockstep::testing
