#include "server/scheduler/queue_policy.h"

#include <algorithm>
#include <iterator>
#include <optional>
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

// One decision under construction.
class Round {
 public:
  Round(const SchedulingView& view, bool backfill)
      : view_(view),
        backfill_(backfill),
        takers_(view.pool.Takers()),
        limits_(LimitsOf(view.uses)),
        wishes_(view.line.lanes().size()) {}

  std::vector<SchedulingDecision> Decide() && {
    for (const std::string& name : takers_) StartOnKept(name);
    // Said last: who is before them takes what others have before they start,
    // and not from them at once.
    std::vector<SchedulingDecision> on_kept = std::exchange(decisions_, {});
    const LineCursor begin(view_.line, view_.shares);
    LineCursor cursor = begin;
    while (const WaitingJob* job = cursor.Peek()) {
      std::optional<Wish>& wish = wishes_[cursor.lane()];
      if (!wish.has_value()) wish.emplace(WishOf(*job));
      if (started_.contains(job->name)) {
        cursor.Advance();
      } else if (IsOver(*job, *wish)) {
        cursor.DropLane();
      } else {
        Look(*job, *wish);
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

  // What a queue with a quota may have, and has, of one kind of device.
  struct Limit {
    int quota = 0;
    int used = 0;
    // One of it waits for the quota, and those behind that one with it.
    bool is_up = false;
  };
  // Finds by a view of the name, too.
  struct BeforeInKeys {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      const absl::string_view a_queue = a.first;
      const absl::string_view b_queue = b.first;
      return a_queue != b_queue ? a_queue < b_queue : a.second < b.second;
    }
  };
  using Limits = std::map<QueueKey, Limit, BeforeInKeys>;

  // The first that does not fit, of those that want the same devices.
  struct Head {
    Model model = 0;
    Shadow shadow;
    // Null: its queue has no quota.
    const Limit* limit = nullptr;
    int count = 0;
  };
  // All of one kind of device.
  struct Kind {
    Kind(const SchedulingView& view, v1::Device::Kind kind)
        : free(view, kind), barred(free.None()), before(free.None()) {}

    FreeDevices free;
    std::vector<Head> heads;
    // What those that nobody may pass could have, and those and the heads.
    DeviceSet barred;
    DeviceSet before;
    bool is_held_back = false;
    int looked_at = 0;
    // That want more than is not drained.
    int out_of_reach = 0;
  };

  // Of all jobs of a lane.
  struct Wish {
    Kind& kind;
    Model model = 0;
    // Of their queue; null when that has no quota.
    Limit* limit = nullptr;
  };

  static Limits LimitsOf(const QueueUses& uses) {
    Limits limits;
    for (const auto& [key, use] : uses) {
      if (!use.quota.has_value()) continue;
      limits[key] = {.quota = *use.quota, .used = use.used};
    }
    return limits;
  }

  Wish WishOf(const WaitingJob& job) {
    const v1::Device::Kind wanted = job.demand.kind;
    std::optional<Kind>& kind = wanted == v1::Device::CUDA ? gpus_ : cpus_;
    if (!kind.has_value()) kind.emplace(view_, wanted);
    return {*kind, kind->free.ModelOf(job.demand.model), LimitOf(job)};
  }
  Limit* LimitOf(const WaitingJob& job) {
    if (limits_.empty()) return nullptr;
    const auto limit =
        limits_.find(std::pair(absl::string_view(job.queue), job.demand.kind));
    return limit == limits_.end() ? nullptr : &limit->second;
  }

  // Devices that only this one may have now.
  std::vector<DevicePlace> OwnOf(const WaitingJob& job) const {
    if (!takers_.contains(job.name)) return {};
    return view_.pool.FreeFor(job.name);
  }

  void StartOnKept(const std::string& name) {
    const WaitingJob* job = view_.line.Find(name);
    if (job == nullptr) return;
    const std::vector<DevicePlace> own = view_.pool.FreeFor(name);
    if (static_cast<int>(own.size()) < job->demand.count) return;
    const Wish wish = WishOf(*job);
    Start(*job, wish, ChoosePlaces(own, job->demand.count));
  }

  // Whether neither this one nor any behind it in its lane can start now.
  bool IsOver(const WaitingJob& job, const Wish& wish) const {
    if (wish.limit != nullptr && wish.limit->is_up) return true;
    const Kind& kind = wish.kind;
    const Model model = wish.model;
    if (IsOutOfReach(kind, job, model)) {
      return kind.out_of_reach >= QueuePolicy::kMostLookedAt;
    }
    if (!kind.is_held_back) return false;
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
           !kind.barred.Overlaps(kind.free.All(model));
  }

  void Look(const WaitingJob& job, const Wish& wish) {
    Limit* limit = wish.limit;
    if (limit != nullptr && IsAbove(job, *limit) &&
        !takers_.contains(job.name)) {
      // One that is above it alone, as the quota shrank, waits for its queue to
      // be changed, and others not for it.
      if (job.demand.count <= limit->quota) {
        limit->is_up = true;
      } else {
        above_quota_.insert(job.name);
      }
      SayAboveQuota(job, *limit);
      return;
    }
    Kind& kind = wish.kind;
    const Model model = wish.model;
    const std::vector<DevicePlace> own = OwnOf(job);
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
      Start(job, wish, std::move(places));
    } else if (!kind.before.Overlaps(kind.free.All(model))) {
      Block(job, wish, free + static_cast<int>(own.size()));
    } else if (!MayBePassed(kind, model) ||
               kind.looked_at >= QueuePolicy::kMostLookedAt) {
      HoldBack(kind, model);
    } else {
      ++kind.looked_at;
      if (own.empty()) Backfill(job, wish);
    }
  }

  static bool IsAbove(const WaitingJob& job, const Limit& limit) {
    return limit.used + job.demand.count > limit.quota;
  }

  // What it could have is for those behind it only if they may pass it;
  static void PutBefore(Kind& kind, Model model) {
    kind.before.AddAll(kind.free.All(model));
    kind.is_held_back = true;
  }
  // they may not.
  static void HoldBack(Kind& kind, Model model) {
    kind.barred.AddAll(kind.free.All(model));
    PutBefore(kind, model);
  }

  void Block(const WaitingJob& job, const Wish& wish, int available) {
    Kind& kind = wish.kind;
    Say(job, v1::Job::CAPACITY, Shortage(job.demand, available, view_.pool));
    Head head{.model = wish.model,
              .shadow = {},
              .limit = wish.limit,
              .count = job.demand.count};
    if (backfill_ && kind.free.Count(0) > 0) {
      head.shadow = kind.free.ShadowOf(job);
    }
    if (head.shadow.time == absl::InfiniteDuration()) {
      HoldBack(kind, head.model);
    } else {
      PutBefore(kind, head.model);
    }
    kind.heads.push_back(head);
  }

  // Starts it when that delays none of the heads.
  void Backfill(const WaitingJob& job, const Wish& wish) {
    Kind& kind = wish.kind;
    const Model model = wish.model;
    const Limit* limit = wish.limit;
    const int count = job.demand.count;
    if (kind.free.Count(model) < count) return;
    for (const Head& head : kind.heads) {
      if (job.longest <= head.shadow.time) continue;
      // Nor may it have what the quota leaves that one.
      if (limit != nullptr && head.limit == limit &&
          limit->used + head.count + count > limit->quota) {
        return;
      }
      const int others = kind.free.Count(model, kind.free.All(head.model));
      if (count - others > head.shadow.spare) return;
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
    Start(job, wish, std::move(places));
  }

  void Start(const WaitingJob& job, const Wish& wish,
             std::vector<DevicePlace> places) {
    wish.kind.free.Take(job, places);
    // What is kept is in use already.
    if (wish.limit != nullptr && !takers_.contains(job.name)) {
      wish.limit->used += job.demand.count;
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

  void SayAboveQuota(const WaitingJob& job, const Limit& limit) {
    Say(job, v1::Job::QUOTA,
        absl::StrCat(Need(job.demand), "; the jobs of ", QueueName(job.queue),
                     " have ", limit.used, " of the ", limit.quota,
                     " that they may have"));
  }

  // The walk may have ended before the first of a queue: that its quota is up
  // holds all the same, whoever is before it.
  void SayQuotas(LineCursor cursor) {
    if (std::all_of(limits_.begin(), limits_.end(),
                    [](const auto& entry) { return entry.second.is_up; })) {
      return;
    }
    std::map<QueueKey, const WaitingJob*> first;
    while (const WaitingJob* job = cursor.Peek()) {
      const Limit* limit = LimitOf(*job);
      if (limit == nullptr || limit->is_up) {
        cursor.DropLane();
      } else if (started_.contains(job->name) || takers_.contains(job->name) ||
                 above_quota_.contains(job->name)) {
        cursor.Advance();
      } else {
        first.try_emplace({job->queue, job->demand.kind}, job);
        cursor.DropLane();
      }
    }
    for (const auto& [key, job] : first) {
      const Limit& limit = *LimitOf(*job);
      if (IsAbove(*job, limit)) SayAboveQuota(*job, limit);
    }
  }

  const SchedulingView& view_;
  const bool backfill_;
  // For whom devices are kept.
  const std::set<std::string> takers_;
  // Only of queues with quotas.
  Limits limits_;
  // By lane, when it is come to.
  std::vector<std::optional<Wish>> wishes_;
  // When one is wanted.
  std::optional<Kind> cpus_;
  std::optional<Kind> gpus_;
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
