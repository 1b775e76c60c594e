// `lockstep jobs list -w` of the built program, against a coordinator that
// plays a part.

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LockstepListTest : public ::testing::Test {
 protected:
  LockstepListTest() { Add("demo", v1::Job::RUNNING, 100); }

  void Add(const std::string& id, v1::Job::State state, int64_t created) {
    coordinator_.jobs.jobs["jobs/" + id] = Job(id, state, created);
  }

  static v1::Job Job(const std::string& id, v1::Job::State state,
                     int64_t created) {
    v1::Job job;
    job.set_name("jobs/" + id);
    job.set_state(state);
    job.mutable_create_time()->set_seconds(created);
    return job;
  }

  v1::WatchJobsResponse& Change(v1::WatchJobsResponse::Type type,
                                const v1::Job& job) {
    v1::WatchJobsResponse& change = coordinator_.jobs.changes.emplace_back();
    change.set_type(type);
    *change.mutable_job() = job;
    return change;
  }

  RunResult Watch(std::vector<std::string> args) {
    args.insert(args.begin(), {BinDir() + "/lockstep", "jobs", "list", "-w"});
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()}});
  }

  // The first two words of each line.
  static std::vector<std::string> Rows(const std::string& text) {
    std::vector<std::string> rows;
    for (const absl::string_view line :
         absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      const std::vector<std::string> words =
          absl::StrSplit(line, ' ', absl::SkipEmpty());
      rows.push_back(words[0] + " " + words[1]);
    }
    return rows;
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepListTest, ShowsRowsThatChange) {
  // The snapshot: as listed, one that the list left out, one that is newer.
  Change(v1::WatchJobsResponse::ADDED, Job("demo", v1::Job::RUNNING, 100));
  Change(v1::WatchJobsResponse::ADDED, Job("old", v1::Job::FAILED, 50));
  Change(v1::WatchJobsResponse::ADDED, Job("new", v1::Job::QUEUED, 200));
  // Then changes, of which one changes nothing that is shown.
  Change(v1::WatchJobsResponse::MODIFIED, Job("new", v1::Job::QUEUED, 200))
      .mutable_event()
      ->set_type("X");
  Change(v1::WatchJobsResponse::MODIFIED, Job("demo", v1::Job::SUCCEEDED, 100))
      .mutable_event()
      ->set_type("STATE_CHANGED");
  Change(v1::WatchJobsResponse::DELETED, Job("demo", {}, 0));
  const RunResult run = Watch({});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Rows(run.out),
              ElementsAre("NAME STATE", "demo RUNNING", "new QUEUED",
                          "demo SUCCEEDED", "demo DELETED"));
  EXPECT_THAT(Watch({"-o", "json"}).out,
              AllOf(StartsWith("{\"name\":\"jobs/demo\",\"state\":\"RUNNING\""),
                    HasSubstr("\n{\"name\":\"jobs/new\"")));
}

TEST_F(LockstepListTest, AJobThatLeavesTheListIsShownOnceMore) {
  for (const v1::Job::State state :
       {v1::Job::FAILED, v1::Job::QUEUED, v1::Job::RUNNING}) {
    Change(v1::WatchJobsResponse::MODIFIED, Job("demo", state, 100))
        .mutable_event()
        ->set_type("STATE_CHANGED");
  }
  const RunResult run = Watch({"--state", "running", "--filter", "name = d*"});

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Rows(run.out), ElementsAre("NAME STATE", "demo RUNNING",
                                         "demo FAILED", "demo RUNNING"));
  EXPECT_EQ(coordinator_.jobs.listed().filter(),
            "name = \"demo\" AND name = d*");
}

}  // namespace
}  // namespace lockstep::testing
