#include "server/simulate/replay.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/fair_share.h"

namespace lockstep {
namespace {

std::vector<v1::Node> NodesOf(const SimulatedCluster& cluster) {
  std::vector<v1::Node> nodes(cluster.nodes);
  for (int n = 0; n < cluster.nodes; ++n) {
    nodes[n].set_name(absl::StrCat("nodes/n", n));
    for (int i = 0; i < cluster.gpus; ++i) {
      v1::Device& device = *nodes[n].add_devices();
      device.set_id(absl::StrCat("GPU-", n, "-", i));
      device.set_kind(v1::Device::CUDA);
    }
  }
  return nodes;
}

class Player {
 public:
  Player(const std::vector<TraceJob>& trace, const SimulatedCluster& cluster,
         const SchedulingPolicy& policy, Shares shares)
      : trace_(trace),
        policy_(policy),
        fair_(shares == Shares::kFair),
        pool_(NodesOf(cluster)) {
    replay_.jobs.resize(trace.size());
  }

  Replay Play() && {
    now_ = trace_.front().submitted;
    charged_ = now_;
    while (next_ < trace_.size() || !ends_.empty()) {
      now_ = NextMoment();
      EndSome();
      SubmitSome();
      if (fair_ && now_ - charged_ >= kUsagePeriod) ChargeAll();
      StartSome();
    }
    replay_.makespan = now_ - trace_.front().submitted;
    return std::move(replay_);
  }

 private:
  struct Running {
    WaitingJob job;
    size_t index = 0;
    absl::Duration since;
  };

  absl::Duration NextMoment() const {
    absl::Duration next = absl::InfiniteDuration();
    if (next_ < trace_.size()) next = trace_[next_].submitted;
    if (!ends_.empty()) next = std::min(next, ends_.begin()->first);
    return next;
  }

  absl::Time Wall(absl::Duration at) const { return absl::UnixEpoch() + at; }

  void Charge(const std::string& queue) {
    std::vector<HeldDevices> held;
    for (const auto& [name, one] : running_) {
      if (one.job.queue != queue) continue;
      held.push_back({one.job.owner, one.job.demand.count, Wall(one.since)});
    }
    ChargeUsage(held, Wall(now_), queues_[queue]);
  }

  void ChargeAll() {
    charged_ = now_;
    for (auto& [queue, record] : queues_) Charge(queue);
    shares_ = SharesAt(queues_, Wall(now_));
  }

  void EndSome() {
    bool ended = false;
    while (!ends_.empty() && ends_.begin()->first == now_) {
      const std::string name = std::move(ends_.begin()->second);
      ends_.erase(ends_.begin());
      if (fair_) Charge(running_.at(name).job.queue);
      running_.erase(name);
      pool_.Release(name);
      ended = true;
    }
    if (fair_ && ended) shares_ = SharesAt(queues_, Wall(now_));
  }

  void SubmitSome() {
    for (; next_ < trace_.size() && trace_[next_].submitted == now_; ++next_) {
      const TraceJob& job = trace_[next_];
      queues_.try_emplace(job.queue);
      line_.Add({.name = JobName(absl::StrCat("j", next_)),
                 .demand = {v1::Device::CUDA, job.devices},
                 .priority = job.priority,
                 .queue = job.queue,
                 .owner = fair_ ? job.owner : "",
                 .order = static_cast<int64_t>(next_),
                 .longest = job.timeout});
    }
  }

  void StartSome() {
    const QueueUses uses;
    const auto time_left = [&](const std::string& name) {
      const Running& one = running_.at(name);
      return one.since + one.job.longest - now_;
    };
    ++replay_.decisions;
    for (const SchedulingDecision& decision : policy_.Decide({.line = line_,
                                              .pool = pool_,
                                              .shares = shares_,
                                              .uses = uses,
                                              .time_left = time_left})) {
      if (!decision.places.empty()) Start(decision);
    }
  }

  void Start(const SchedulingDecision& decision) {
    Running one{.job = *line_.Find(decision.name), .since = now_};
    one.index = static_cast<size_t>(one.job.order);
    const TraceJob& job = trace_[one.index];
    const absl::Duration runs = std::min(job.duration, job.timeout);
    replay_.jobs[one.index] = {now_ - job.submitted, runs};
    pool_.Reserve(decision.name, decision.places);
    line_.Remove(decision.name);
    ends_.emplace(now_ + runs, decision.name);
    running_.emplace(decision.name, std::move(one));
  }

  const std::vector<TraceJob>& trace_;
  const SchedulingPolicy& policy_;
  const bool fair_;
  DevicePool pool_;
  WaitingLine line_;
  QueueRecords queues_;
  FairShares shares_;
  std::map<std::string, Running> running_;
  std::multimap<absl::Duration, std::string> ends_;
  size_t next_ = 0;
  absl::Duration now_;
  absl::Duration charged_;
  Replay replay_;
};

}  // namespace

absl::StatusOr<Replay> ReplayTrace(const std::vector<TraceJob>& trace,
                                   const SimulatedCluster& cluster,
                                   const SchedulingPolicy& policy,
                                   Shares shares) {
  for (const TraceJob& job : trace) {
    if (job.devices <= cluster.devices()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("devices ", job.devices, " of the job submitted at ",
                     absl::ToDoubleSeconds(job.submitted),
                     " s is more than the ", cluster.devices(),
                     " of the simulated cluster; --nodes and --gpus make "
                     "it larger"));
  }
  if (trace.empty()) return absl::InvalidArgumentError("the trace is empty");
  return Player(trace, cluster, policy, shares).Play();
}

}  // namespace lockstep
