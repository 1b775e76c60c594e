#include "server/scheduler/queue_policy.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/free_devices.h"

namespace lockstep {
namespace {

std::string Need(const DeviceDemand& demand) {
  return absl::StrCat(
      "needs ", demand.count, " ", DeviceKindName(demand.kind),
      demand.count == 1 ? " device" : " devices",
      demand.model.empty() ? "" : absl::StrCat(" (", demand.model, ")"));
}

std::string Shortage(const DeviceDemand& demand, int available,
                     const DevicePool& pool) {
  const int others = pool.UsedByOthers(demand.kind, demand.model);
  return absl::StrCat(Need(demand), "; ", available, " of ",
                      pool.Total(demand.kind, demand.model), " are free",
                      others > 0 ? absl::StrCat(", ", others,
                                                " used by processes that are "
                                                "not Lockstep's")
                                 : "",
                      DrainedInWords(pool.Drained(demand.kind, demand.model)));
}

std::string AboveQuota(const WaitingJob& job, const QueueUse& use) {
  return absl::StrCat(Need(job.demand), "; the jobs of ", QueueName(job.queue),
                      " have ", use.used, " of the ", *use.quota,
                      " that they may have");
}

// One decision under construction.
class Round {
 public:
  Round(const SchedulingView& view, bool backfill)
      : view_(view),
        backfill_(backfill),
        takers_(view.pool.Takers()),
        uses_(LimitedOf(view.uses)),
        cpus_(view, v1::Device::CPU),
        gpus_(view, v1::Device::CUDA) {}

  std::vector<SchedulingDecision> Decide() && {
    for (const std::string& name : takers_) StartOnKept(name);
    // Said last: who is before them takes what others have before they start,
    // and not from them at once.
    std::vector<SchedulingDecision> on_kept = std::exchange(decisions_, {});
    const LineCursor begin(view_.line, view_.shares);
    LineCursor cursor = begin;
    while (const WaitingJob* job = cursor.Peek()) {
      if (started_.contains(job->name)) {
        cursor.Advance();
      } else if (IsOver(*job)) {
        cursor.DropLane();
      } else {
        Look(*job);
        cursor.Advance();
      }
    }
    SayQuotas(begin);
    std::move(on_kept.begin(), on_kept.end(), std::back_inserter(decisions_));
    return std::move(decisions_);
  }

 private:
  using Model = FreeDevices::Model;
  using Shadow = FreeDevices::Shadow;
  using QueueKey = std::pair<std::string, v1::Device::Kind>;

  // The first that does not fit, of those that want the same devices.
  struct Head {
    Model model = 0;
    Shadow shadow;
    QueueKey queue;
    int count = 0;
  };
  // All of one kind of device.
  struct Kind {
    Kind(const SchedulingView& view, v1::Device::Kind kind)
        : free(view, kind) {}

    FreeDevices free;
    std::vector<Head> heads;
    // Models of those that nobody may pass, and of those and the heads.
    std::vector<Model> barred;
    std::vector<Model> before;
    int looked_at = 0;
    // That want more than is not drained.
    int out_of_reach = 0;
  };

  static QueueUses LimitedOf(const QueueUses& all) {
    QueueUses limited;
    for (const auto& [key, use] : all) {
      if (use.quota.has_value()) limited.emplace(key, use);
    }
    return limited;
  }

  Kind& KindOf(const WaitingJob& job) {
    return job.demand.kind == v1::Device::CUDA ? gpus_ : cpus_;
  }
  static QueueKey KeyOf(const WaitingJob& job) {
    return {job.queue, job.demand.kind};
  }

  void StartOnKept(const std::string& name) {
    const WaitingJob* job = view_.line.Find(name);
    if (job == nullptr) return;
    const std::vector<DevicePlace> own = view_.pool.FreeFor(name);
    if (static_cast<int>(own.size()) < job->demand.count) return;
    Start(*job, ChoosePlaces(own, job->demand.count));
  }

  // Whether neither this one nor any behind it in its lane can start now.
  bool IsOver(const WaitingJob& job) {
    Kind& kind = KindOf(job);
    if (!quota_is_up_.empty() && quota_is_up_.contains(KeyOf(job))) {
      return true;
    }
    const Model model = kind.free.ModelOf(job.demand.model);
    if (IsOutOfReach(kind, job, model)) {
      return kind.out_of_reach >= QueuePolicy::kMostLookedAt;
    }
    if (kind.before.empty()) return false;
    if (kind.free.Count(model, kind.before) > 0) return false;
    return !MayBePassed(kind, model) ||
           kind.looked_at >= QueuePolicy::kMostLookedAt;
  }

  // Whether it wants more than it could have if all were free.
  static bool IsOutOfReach(const Kind& kind, const WaitingJob& job,
                           Model model) {
    return job.demand.count > kind.free.Usable(model);
  }

  // Whether of all that it would pass it is known until when they wait.
  bool MayBePassed(const Kind& kind, Model model) const {
    return backfill_ && kind.free.Count(model) > 0 &&
           std::none_of(
               kind.barred.begin(), kind.barred.end(),
               [&](Model other) { return kind.free.Overlap(model, other); });
  }

  void Look(const WaitingJob& job) {
    const QueueUse* use = UseOf(job);
    if (use != nullptr && !takers_.contains(job.name) && IsAbove(job, *use)) {
      // One that is above it alone, as the quota shrank, waits for its queue to
      // be changed, and others not for it.
      if (job.demand.count <= *use->quota) {
        quota_is_up_.insert(KeyOf(job));
      } else {
        above_quota_.insert(job.name);
      }
      Say(job, v1::Job::QUOTA, AboveQuota(job, *use));
      return;
    }
    Kind& kind = KindOf(job);
    const Model model = kind.free.ModelOf(job.demand.model);
    const std::vector<DevicePlace> own = view_.pool.FreeFor(job.name);
    const int more = job.demand.count - static_cast<int>(own.size());
    const int free = kind.free.Count(model, kind.before);
    if (IsOutOfReach(kind, job, model)) {
      // Until one is undrained; nobody waits behind it for that.
      ++kind.out_of_reach;
      Say(job, v1::Job::CAPACITY,
          Shortage(job.demand, free + static_cast<int>(own.size()),
                   view_.pool));
    } else if (free >= more) {
      std::vector<DevicePlace> places =
          ChoosePlaces(kind.free.Of(model, kind.before), more);
      places.insert(places.end(), own.begin(), own.end());
      Start(job, std::move(places));
    } else if (!IsBehind(kind, model)) {
      Block(kind, job, free + static_cast<int>(own.size()));
    } else if (!MayBePassed(kind, model) ||
               kind.looked_at >= QueuePolicy::kMostLookedAt) {
      HoldBack(kind, model);
    } else {
      ++kind.looked_at;
      if (own.empty()) Backfill(kind, job, model);
    }
  }

  // Whether one before it waits for devices that it could have.
  static bool IsBehind(const Kind& kind, Model model) {
    return std::any_of(
        kind.before.begin(), kind.before.end(),
        [&](Model other) { return kind.free.Overlap(model, other); });
  }

  // Of its queue, if that has a quota.
  QueueUse* UseOf(const WaitingJob& job) {
    if (uses_.empty()) return nullptr;
    const auto use = uses_.find(KeyOf(job));
    return use == uses_.end() ? nullptr : &use->second;
  }

  static bool IsAbove(const WaitingJob& job, const QueueUse& use) {
    return use.used + job.demand.count > *use.quota;
  }

  static void AddOnce(Model model, std::vector<Model>& models) {
    if (std::find(models.begin(), models.end(), model) == models.end()) {
      models.push_back(model);
    }
  }

  // Those behind it get nothing that it could have.
  static void HoldBack(Kind& kind, Model model) {
    AddOnce(model, kind.barred);
    AddOnce(model, kind.before);
  }

  void Block(Kind& kind, const WaitingJob& job, int available) {
    Say(job, v1::Job::CAPACITY, Shortage(job.demand, available, view_.pool));
    Head head{.model = kind.free.ModelOf(job.demand.model),
              .shadow = {},
              .queue = KeyOf(job),
              .count = job.demand.count};
    if (backfill_ && kind.free.Count(0) > 0) {
      head.shadow = kind.free.ShadowOf(job);
    }
    AddOnce(head.model, kind.before);
    if (head.shadow.time == absl::InfiniteDuration()) {
      HoldBack(kind, head.model);
    }
    kind.heads.push_back(head);
  }

  // Starts it when that delays none of the heads.
  void Backfill(Kind& kind, const WaitingJob& job, Model model) {
    const int count = job.demand.count;
    if (kind.free.Count(model) < count) return;
    const QueueUse* use = UseOf(job);
    for (const Head& head : kind.heads) {
      if (job.longest <= head.shadow.time) continue;
      // Nor may it have what the quota leaves that one.
      if (use != nullptr && head.queue == KeyOf(job) &&
          use->used + head.count + count > *use->quota) {
        return;
      }
      if (count - kind.free.Count(model, {head.model}) > head.shadow.spare) {
        return;
      }
    }
    std::vector<DevicePlace> places =
        ChoosePlaces(kind.free.OfWithLast(model, kind.before), count);
    std::vector<std::pair<Head*, int>> uses;
    for (Head& head : kind.heads) {
      if (job.longest <= head.shadow.time) continue;
      const int taken = kind.free.CountIn(places, head.model);
      if (taken > head.shadow.spare) return;
      uses.emplace_back(&head, taken);
    }
    for (const auto& [head, taken] : uses) head->shadow.spare -= taken;
    Start(job, std::move(places));
  }

  void Start(const WaitingJob& job, std::vector<DevicePlace> places) {
    KindOf(job).free.Take(job, places);
    // What is kept is in use already.
    QueueUse* use = UseOf(job);
    if (use != nullptr && !takers_.contains(job.name)) {
      use->used += job.demand.count;
    }
    started_.insert(job.name);
    decisions_.push_back({.name = job.name, .places = std::move(places)});
  }

  void Say(const WaitingJob& job, v1::Job::PendingReason reason,
           std::string message) {
    decisions_.push_back({.name = job.name,
                          .places = {},
                          .reason = reason,
                          .message = std::move(message)});
  }

  // The walk may have ended before the first of a queue: that its quota is up
  // holds all the same, whoever is before it.
  void SayQuotas(LineCursor cursor) {
    if (quota_is_up_.size() == uses_.size()) return;
    std::map<QueueKey, const WaitingJob*> first;
    while (const WaitingJob* job = cursor.Peek()) {
      if (UseOf(*job) == nullptr || quota_is_up_.contains(KeyOf(*job))) {
        cursor.DropLane();
      } else if (started_.contains(job->name) || takers_.contains(job->name) ||
                 above_quota_.contains(job->name)) {
        cursor.Advance();
      } else {
        first.try_emplace(KeyOf(*job), job);
        cursor.DropLane();
      }
    }
    for (const auto& [key, job] : first) {
      const QueueUse& use = uses_.at(key);
      if (IsAbove(*job, use)) Say(*job, v1::Job::QUOTA, AboveQuota(*job, use));
    }
  }

  const SchedulingView& view_;
  const bool backfill_;
  // For whom devices are kept.
  const std::set<std::string> takers_;
  // Only of queues with quotas.
  QueueUses uses_;
  Kind cpus_;
  Kind gpus_;
  std::set<QueueKey> quota_is_up_;
  // Those that were told that they are, by themselves.
  std::set<std::string> above_quota_;
  std::set<std::string> started_;
  std::vector<SchedulingDecision> decisions_;
};

}  // namespace

std::string WaitsForOthers(const DeviceDemand& demand) {
  return absl::StrCat(Need(demand), "; jobs before it go first");
}

std::vector<SchedulingDecision> QueuePolicy::Decide(
    const SchedulingView& view) const {
  return Round(view, backfill_).Decide();
}

}  // namespace lockstep
