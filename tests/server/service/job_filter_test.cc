#include "server/service/job_filter.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

v1::Job TheJob() {
  v1::Job job;
  job.set_name("jobs/demo-1");
  job.set_state(v1::Job::RUNNING);
  job.set_owner("local");
  (*job.mutable_labels())["team"] = "nlp";
  (*job.mutable_labels())["note"] = "a \"b\" AND c";
  (*job.mutable_labels())["tier.x"] = "1";
  *job.mutable_create_time() = ToProto(
      absl::FromCivil(absl::CivilHour(2026, 1, 31, 12), absl::UTCTimeZone()));
  return job;
}

bool Matches(const std::string& filter) {
  const absl::StatusOr<JobPredicate> predicate = ParseJobFilter(filter);
  EXPECT_TRUE(predicate.ok()) << filter << ": " << predicate.status();
  return predicate.ok() && (*predicate)(TheJob());
}

std::string Refusal(const std::string& filter) {
  const absl::StatusOr<JobPredicate> predicate = ParseJobFilter(filter);
  EXPECT_EQ(ErrorReason(predicate.status()), "INVALID_FILTER") << filter;
  return std::string(predicate.status().message());
}

TEST(JobFilterTest, AnEmptyFilterIsNone) {
  EXPECT_FALSE(*ParseJobFilter(""));
  EXPECT_FALSE(*ParseJobFilter("  "));
}

TEST(JobFilterTest, ComparesQueues) {
  // That of a job of an earlier release.
  EXPECT_TRUE(Matches("queue = default"));
  EXPECT_TRUE(Matches("queue = \"queues/default\""));
  EXPECT_TRUE(Matches("queue = def*"));
  EXPECT_TRUE(Matches("queue != research"));
  EXPECT_THAT(Refusal("queue > a"), HasSubstr("= and != are allowed"));
}

TEST(JobFilterTest, ComparesStates) {
  EXPECT_TRUE(Matches("state = RUNNING"));
  EXPECT_TRUE(Matches("state=running"));
  EXPECT_FALSE(Matches("state != RUNNING"));
  EXPECT_TRUE(Matches("state != \"FAILED\""));
}

TEST(JobFilterTest, ComparesNamesAlsoByTheirBeginning) {
  EXPECT_TRUE(Matches("name = demo-1"));
  EXPECT_TRUE(Matches("name = \"jobs/demo-1\""));
  EXPECT_TRUE(Matches("name = demo*"));
  EXPECT_TRUE(Matches("name = jobs/de*"));
  EXPECT_TRUE(Matches("name = *"));
  EXPECT_FALSE(Matches("name = demo"));
  EXPECT_FALSE(Matches("name != demo*"));
  EXPECT_FALSE(Matches("name = obs*"));
}

TEST(JobFilterTest, ComparesOwnersAndLabels) {
  EXPECT_TRUE(Matches("owner = local"));
  EXPECT_FALSE(Matches("owner = admin"));
  EXPECT_TRUE(Matches("labels.team = nlp"));
  EXPECT_TRUE(Matches("labels.team = n*"));
  EXPECT_TRUE(Matches("labels.tier.x = 1"));
  EXPECT_FALSE(Matches("labels.team != nlp"));
  // A label that is not there differs from everything.
  EXPECT_TRUE(Matches("labels.none != nlp"));
  EXPECT_FALSE(Matches("labels.none = \"\""));
  EXPECT_TRUE(Matches("labels:team"));
  EXPECT_FALSE(Matches("labels:none"));
  EXPECT_TRUE(Matches(R"(labels.note = "a \"b\" AND c")"));
}

TEST(JobFilterTest, ComparesTimes) {
  EXPECT_TRUE(Matches("create_time = 2026-01-31T12:00:00Z"));
  EXPECT_TRUE(Matches("create_time >= \"2026-01-31T13:00:00+01:00\""));
  EXPECT_TRUE(Matches("create_time < 2026-02-01T00:00:00Z"));
  EXPECT_FALSE(Matches("create_time > 2026-01-31T12:00:00Z"));
  EXPECT_TRUE(Matches("create_time <= 2026-01-31T12:00:00Z"));
  EXPECT_FALSE(Matches("create_time != 2026-01-31T12:00:00Z"));
  // It has not ended: no comparison holds.
  EXPECT_FALSE(Matches("end_time < 2026-02-01T00:00:00Z"));
  EXPECT_FALSE(Matches("end_time >= 2026-01-01T00:00:00Z"));
}

TEST(JobFilterTest, OrBindsTighterThanAnd) {
  EXPECT_TRUE(Matches("state = FAILED OR state = RUNNING AND owner = local"));
  EXPECT_FALSE(Matches("owner = admin AND state = FAILED OR state = RUNNING"));
  EXPECT_TRUE(Matches("NOT state = FAILED AND NOT labels:none"));
  EXPECT_FALSE(Matches("NOT state = RUNNING"));
  // A word that only begins like one.
  EXPECT_FALSE(Matches("owner = ANDY"));
}

TEST(JobFilterTest, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(Refusal("stat = RUNNING"),
              AllOf(HasSubstr("column 1:"), HasSubstr("\"stat\""),
                    HasSubstr("labels.KEY")));
  EXPECT_THAT(Refusal("state = GONE"),
              AllOf(HasSubstr("column 9:"), HasSubstr("\"GONE\"")));
  EXPECT_THAT(Refusal("state = STATE_UNSPECIFIED"), HasSubstr("not a state"));
  EXPECT_THAT(Refusal("state < RUNNING"), HasSubstr("= and != are allowed"));
  EXPECT_THAT(Refusal("labels = team"), HasSubstr("followed by :KEY"));
  EXPECT_THAT(Refusal("labels.team : x"), HasSubstr("= and != are allowed"));
  EXPECT_THAT(Refusal("create_time = yesterday"), HasSubstr("2026-01-31T"));
  EXPECT_THAT(Refusal("create_time : 2026-01-31T12:00:00Z"),
              HasSubstr("does not compare times"));
  EXPECT_THAT(Refusal("name = de*mo"), HasSubstr("at the end only"));
  EXPECT_THAT(Refusal("name"), HasSubstr("operator is missing after name"));
  EXPECT_THAT(Refusal("name demo"), HasSubstr("operator is missing"));
  EXPECT_THAT(Refusal("name ="), HasSubstr("value is missing"));
  EXPECT_THAT(Refusal("name = \"demo"), HasSubstr("not closed"));
  EXPECT_THAT(Refusal("state = RUNNING AND"), HasSubstr("comparison"));
  EXPECT_THAT(Refusal("NOT"), HasSubstr("comparison"));
  EXPECT_THAT(Refusal("= RUNNING"), HasSubstr("a field is missing"));
  EXPECT_THAT(Refusal("(state = RUNNING)"), HasSubstr("a field is missing"));
  EXPECT_THAT(Refusal("state = RUNNING state = FAILED"),
              AllOf(HasSubstr("column 17:"), HasSubstr("no parentheses")));
  EXPECT_THAT(Refusal(std::string(2049, ' ')), HasSubstr("2048"));
}

TEST(JobFilterTest, ALongChainIsNoDeepOne) {
  std::string filter = "state = FAILED";
  while (filter.size() < 2000) filter += " OR name = x";
  EXPECT_FALSE(Matches(filter));
  EXPECT_TRUE(Matches(filter + " OR name = demo-1"));
}

}  // namespace
}  // namespace lockstep
