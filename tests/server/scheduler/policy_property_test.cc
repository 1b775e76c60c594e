// What the policy promises of every line, played in simulated time: no device
// twice, no quota exceeded, the same answer to the same question, and no delay
// of the first in line by those that pass it.

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/queue_policy.h"

namespace lockstep {
namespace {

using ::testing::Eq;

constexpr int kQuota = 3;
const char* const kQueues[] = {"default", "small"};
const char* const kOwners[] = {"ann", "bob", "cid"};

struct Planned {
  WaitingJob job;
  absl::Duration runs;  // At most job.longest.
};

// A few nodes, a few dozen jobs that all wait from the start.
struct Scene {
  Scene(uint64_t seed, bool quotas) : random(seed), with_quotas(quotas) {
    const int nodes = 1 + Below(3);
    for (int n = 0; n < nodes; ++n) {
      v1::Node& node = hosts.emplace_back();
      node.set_name(absl::StrCat("nodes/n", n));
      const int devices = 2 + Below(5);
      total += devices;
      for (int i = 0; i < devices; ++i) {
        v1::Device& device = *node.add_devices();
        device.set_id(absl::StrCat("GPU-", n, "-", i));
        device.set_kind(v1::Device::CUDA);
      }
    }
    for (int i = 0; i < 30; ++i) jobs.push_back(NewJob(i));
    for (const char* queue : kQueues) shares.of_queue[queue] = Below(3);
    for (const char* owner : kOwners) {
      shares.of_owner["default"][owner] = Below(4);
    }
  }

  int Below(int limit) { return static_cast<int>(random() % limit); }

  Planned NewJob(int order) {
    Planned planned;
    WaitingJob& job = planned.job;
    job.name = absl::StrCat("jobs/", order);
    job.queue = kQueues[with_quotas && Below(3) == 0 ? 1 : 0];
    const int most = job.queue == kQueues[1] ? kQuota : total;
    job.demand = {v1::Device::CUDA, 1 + Below(Below(2) == 0 ? 2 : most)};
    job.demand.count = std::min(job.demand.count, std::min(most, total));
    job.priority = Below(4) == 0 ? v1::ResourceSpec::PRIORITY_HIGH
                                 : v1::ResourceSpec::PRIORITY_NORMAL;
    job.owner = kOwners[Below(3)];
    job.order = order;
    job.longest = absl::Minutes(1 + Below(60));
    planned.runs = job.longest;
    return planned;
  }

  std::mt19937_64 random;
  bool with_quotas;
  std::vector<v1::Node> hosts;
  int total = 0;
  std::vector<Planned> jobs;
  FairShares shares;
};

// When each started, and until when the first in line was told to wait at the
// longest when it became that.
struct Outcome {
  std::map<std::string, absl::Duration> started;
  std::vector<std::string> order;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class Play {
 public:
  Play(const Scene& scene, bool backfill)
      : scene_(scene), policy_(backfill), pool_(scene.hosts) {
    for (const Planned& planned : scene.jobs) {
      line_.Add(planned.job);
      runs_[planned.job.name] = planned.runs;
    }
  }

  Outcome Run() {
    while (line_.size() > 0) {
      StartSome();
      if (ends_.empty()) {
        ADD_FAILURE() << line_.size() << " jobs wait and nothing runs";
        break;
      }
      now_ = ends_.begin()->first;
      while (!ends_.empty() && ends_.begin()->first == now_) {
        pool_.Release(ends_.begin()->second);
        running_.erase(ends_.begin()->second);
        ends_.erase(ends_.begin());
      }
    }
    return outcome_;
  }

 private:
  struct Running {
    WaitingJob job;
    absl::Duration since;
  };

  QueueUses Uses() const {
    QueueUses uses;
    uses[{"small", v1::Device::CUDA}].quota = kQuota;
    for (const auto& [name, one] : running_) {
      uses[{one.job.queue, v1::Device::CUDA}].used += one.job.demand.count;
    }
    return uses;
  }

  void StartSome() {
    const QueueUses uses = Uses();
    const auto time_left = [&](const std::string& job) {
      const Running& one = running_.at(job);
      return one.since + one.job.longest - now_;
    };
    const SchedulingView view{.line = line_,
                              .pool = pool_,
                              .shares = scene_.shares,
                              .uses = uses,
                              .time_left = time_left};
    for (const SchedulingDecision& decision : policy_.Decide(view)) {
      if (!decision.places.empty()) Start(decision);
    }
    for (const auto& [key, use] : Uses()) {
      EXPECT_LE(use.used, use.quota.value_or(use.used));
    }
  }

  void Start(const SchedulingDecision& decision) {
    const WaitingJob job = *line_.Find(decision.name);
    EXPECT_EQ(static_cast<int>(decision.places.size()), job.demand.count);
    const std::vector<DevicePlace> free = pool_.Free(v1::Device::CUDA);
    std::set<std::string> devices;
    for (const DevicePlace& place : decision.places) {
      EXPECT_TRUE(devices.insert(place.device).second);
      EXPECT_NE(std::find(free.begin(), free.end(), place), free.end())
          << place.device << " is busy";
    }
    pool_.Reserve(job.name, decision.places);
    line_.Remove(job.name);
    running_[job.name] = {job, now_};
    ends_.emplace(now_ + runs_.at(job.name), job.name);
    outcome_.started[job.name] = now_;
    outcome_.order.push_back(job.name);
  }

  const Scene& scene_;
  const QueuePolicy policy_;
  DevicePool pool_;
  WaitingLine line_;
  std::map<std::string, absl::Duration> runs_;
  std::map<std::string, Running> running_;
  std::multimap<absl::Duration, std::string> ends_;
  absl::Duration now_ = absl::ZeroDuration();
  Outcome outcome_;
};

TEST(PolicyPropertyTest, EachLineEndsWithinItsQuotasAndNoDeviceIsGivenTwice) {
  int passed = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Scene scene(seed, /*quotas=*/true);
    const Outcome outcome = Play(scene, /*backfill=*/true).Run();
    EXPECT_EQ(outcome.started.size(), scene.jobs.size());
    EXPECT_THAT(Play(scene, /*backfill=*/true).Run(), Eq(outcome));
    passed += outcome.order != Play(scene, /*backfill=*/false).Run().order;
    if (HasFailure()) return;
  }
  // Some did pass others.
  EXPECT_GT(passed, 100);
}

// The first in line at the beginning is the first until it starts, since its
// shares stay: whoever passes it, it starts when it does without backfill. Jobs
// take the time they said they would, at the most.
TEST(PolicyPropertyTest, TheFirstThatWaitsStartsNoLaterThanWithoutBackfill) {
  int waited = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Scene scene(seed, /*quotas=*/false);
    const Outcome strict = Play(scene, /*backfill=*/false).Run();
    const Outcome passed = Play(scene, /*backfill=*/true).Run();
    // Those that start at once do so in both; the first that does not.
    WaitingLine line;
    for (const Planned& planned : scene.jobs) line.Add(planned.job);
    LineCursor cursor(line, scene.shares);
    while (const WaitingJob* job = cursor.Peek()) {
      if (strict.started.at(job->name) > absl::ZeroDuration()) {
        ++waited;
        EXPECT_LE(passed.started.at(job->name), strict.started.at(job->name))
            << job->name;
        break;
      }
      cursor.Advance();
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(waited, 900);
}

// When they end sooner than they might, the first in line starts no later than
// its limits promised when it became the first.
TEST(PolicyPropertyTest, TheFirstThatWaitsStartsAsItsShadowPromised) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Scene scene(seed, /*quotas=*/false);
    const Outcome slow = Play(scene, /*backfill=*/false).Run();
    Scene quick = scene;
    for (Planned& planned : quick.jobs) {
      planned.runs = planned.job.longest * (1 + quick.Below(10)) / 10;
    }
    const Outcome outcome = Play(quick, /*backfill=*/true).Run();
    WaitingLine line;
    for (const Planned& planned : scene.jobs) line.Add(planned.job);
    LineCursor cursor(line, scene.shares);
    while (const WaitingJob* job = cursor.Peek()) {
      if (slow.started.at(job->name) > absl::ZeroDuration()) {
        EXPECT_LE(outcome.started.at(job->name), slow.started.at(job->name))
            << job->name;
        break;
      }
      cursor.Advance();
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace lockstep
