// scheduling_benchmark [JOBS]: how many decisions a second Step makes with so
// many jobs in line [100000]. A decision: an attempt ends, its devices are
// given to the next. The digest is of all that was decided, in order: two
// builds that print the same decide the same. Run by hand; nothing is written
// to a disk.

#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/scheduler/queue_policy.h"
#include "server/scheduler/step.h"

namespace lockstep {
namespace {

constexpr int kNodes = 8;
constexpr int kGpusOfANode = 8;
constexpr int kOwners = 100;
constexpr int kDecisions = 5000;

std::vector<v1::Node> Nodes() {
  std::vector<v1::Node> nodes(kNodes);
  for (int n = 0; n < kNodes; ++n) {
    nodes[n].set_name(absl::StrCat("nodes/n", n));
    for (int i = 0; i < kGpusOfANode; ++i) {
      v1::Device& device = *nodes[n].add_devices();
      device.set_id(absl::StrCat("GPU-", n, "-", i));
      device.set_kind(v1::Device::CUDA);
    }
  }
  return nodes;
}

// Prepared and in line: of many owners in two queues, small and large, with a
// time limit, so that backfill looks at many.
JobRow Waiting(int index) {
  server::JobRecord record;
  record.set_version(1);
  v1::Job& job = *record.mutable_job();
  job.set_name(absl::StrCat("jobs/j", index));
  job.set_uid(absl::StrCat("uid-", index));
  job.set_owner(absl::StrCat("owner-", index % kOwners));
  job.set_queue(index % 3 == 0 ? "research" : "default");
  job.set_state(v1::Job::QUEUED);
  job.set_desired(v1::Job::RUN);
  job.mutable_plan()->set_steps(10);
  v1::ResourceSpec& resources = *job.mutable_spec()->mutable_resources();
  resources.set_device(v1::ResourceSpec::DEVICE_CUDA);
  constexpr int kSizes[] = {1, 1, 1, 2, 4, 8, 1, 16};
  resources.set_ranks(kSizes[index % 8]);
  resources.mutable_timeout()->set_seconds(600 + index % 3600);
  return MakeJobRow(std::move(record));
}

class Bench {
 public:
  explicit Bench(int jobs) {
    std::vector<JobRow> rows;
    for (int i = 0; i < jobs; ++i) rows.push_back(Waiting(i));
    server::QueueRecord research;
    research.mutable_queue()->set_name("queues/research");
    research.mutable_queue()->set_gpu_quota(kNodes * kGpusOfANode / 2);
    state_ = RestoreState({}, policy_, DevicePool(Nodes()), std::move(rows), {},
                          {}, {research}, now_, wall());
    Do(RestoreEvent{});
    Do(TickEvent{});
  }

  // The oldest attempt ends well.
  bool EndOne() {
    if (running_.empty()) return false;
    ProcessEnd end{.attempt = running_.front(), .ranks = {}};
    running_.pop_front();
    const v1::Job& job = state_.jobs.at(end.attempt.job).job();
    for (const v1::RankPlacement& rank : job.attempts().rbegin()->ranks()) {
      worker::v1::RankProcess& process = end.ranks.emplace_back();
      process.set_rank(rank.rank());
      process.set_exited(true);
    }
    now_ += absl::Seconds(1);
    Do(ProcessEndEvent{std::move(end)});
    return true;
  }

  size_t started() const { return started_; }
  size_t written() const { return written_; }
  uint64_t digest() const { return digest_; }

 private:
  absl::Time wall() const { return absl::FromUnixSeconds(1'000'000) + now_; }

  void Do(decltype(Event::what) what) {
    const StepResult result =
        Step(state_, {std::move(what), absl::StrCat("entropy ", ++steps_)},
             {now_, wall()});
    written_ += result.write.jobs.size();
    for (const v1::Event& event : result.write.events) {
      for (const char byte : absl::StrCat(event.job(), event.message())) {
        // FNV-1a.
        digest_ = (digest_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
      }
    }
    for (const Effect& effect : result.effects) {
      const auto* launch = std::get_if<LaunchEffect>(&effect);
      if (launch == nullptr) continue;
      running_.push_back(launch->request.attempt);
      ++started_;
    }
  }

  const QueuePolicy policy_;
  SchedulerState state_;
  absl::Duration now_ = absl::Seconds(1000);
  int64_t steps_ = 0;
  size_t started_ = 0;
  size_t written_ = 0;
  uint64_t digest_ = 0xcbf29ce484222325;
  std::deque<AttemptRef> running_;
};

int Main(int argc, char** argv) {
  int jobs = 100'000;
  if (argc > 1 && !absl::SimpleAtoi(argv[1], &jobs)) {
    std::cerr << "JOBS: \"" << argv[1] << "\" is not a number\n";
    return 1;
  }
  Bench bench(jobs);
  const size_t started = bench.started();
  const size_t written = bench.written();
  const absl::Time begin = absl::Now();
  int ends = 0;
  while (ends < kDecisions && bench.EndOne()) ++ends;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  std::cout << absl::StrFormat(
      "%d jobs in line, %d GPUs: %.0f decisions/s (%d ends, %d starts, %d rows "
      "written), digest %016x\n",
      jobs, kNodes * kGpusOfANode, ends / seconds, ends,
      bench.started() - started, bench.written() - written, bench.digest());
  return 0;
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) { return lockstep::Main(argc, argv); }
