#include "server/scheduler/fair_share.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "proto/contract/queue.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

constexpr int64_t kMillisecondsASecond = 1000;

absl::Time ChargedUntil(const server::QueueRecord& record) {
  return record.has_usage_time() ? FromProto(record.usage_time())
                                 : absl::InfinitePast();
}

int64_t ShareOf(int64_t milliseconds, double weight) {
  return static_cast<int64_t>(static_cast<double>(milliseconds) /
                              static_cast<double>(kMillisecondsASecond) /
                              weight);
}

// What is left after so long, of each usage alike.
class Decay {
 public:
  explicit Decay(absl::Duration elapsed) {
    if (elapsed <= absl::ZeroDuration()) return;
    factor_ = std::exp2(-absl::FDivDuration(elapsed, kUsageHalfLife));
  }

  int64_t Of(int64_t usage) const {
    if (usage <= 0) return 0;
    if (!factor_.has_value()) return usage;
    return static_cast<int64_t>(static_cast<double>(usage) * *factor_);
  }

 private:
  std::optional<double> factor_;
};

// As they are on disk: by owner, and none of nothing.
void Tidy(bool sorted,
          google::protobuf::RepeatedPtrField<server::OwnerUsage>& usages) {
  usages.erase(std::remove_if(usages.begin(), usages.end(),
                              [](const server::OwnerUsage& usage) {
                                return usage.device_milliseconds() == 0;
                              }),
               usages.end());
  if (sorted) return;
  std::sort(usages.pointer_begin(), usages.pointer_end(),
            [](const server::OwnerUsage* a, const server::OwnerUsage* b) {
              return a->owner() < b->owner();
            });
}

// The share of each owner of a queue; the share of the queue.
int64_t TakeOwnerShares(const server::QueueRecord& record,
                        absl::Duration elapsed, FairShares::OfNames& of_owner) {
  const Decay decay(elapsed);
  int64_t all = 0;
  const auto take = [&] {
    all = 0;
    for (const server::OwnerUsage& usage : record.usages()) {
      const int64_t left = decay.Of(usage.device_milliseconds());
      all += left;
      of_owner[usage.owner()] = ShareOf(left, /*weight=*/1);
    }
  };
  take();
  if (of_owner.size() != static_cast<size_t>(record.usages_size())) {
    // Somebody is gone.
    of_owner.clear();
    take();
  }
  return ShareOf(all, WeightOf(record.queue()));
}

}  // namespace

int64_t ShareIn(const FairShares::OfNames& shares, const std::string& name) {
  const auto found = shares.find(name);
  return found == shares.end() ? 0 : found->second;
}

int64_t DecayedUsage(int64_t usage, absl::Duration elapsed) {
  return Decay(elapsed).Of(usage);
}

void ChargeUsage(const std::vector<HeldDevices>& held, absl::Time now,
                 server::QueueRecord& record) {
  const absl::Time until = ChargedUntil(record);
  std::map<absl::string_view, int64_t> more;
  for (const HeldDevices& one : held) {
    const absl::Duration elapsed = now - std::max(one.since, until);
    if (elapsed <= absl::ZeroDuration()) continue;
    more[one.owner] += one.devices * absl::ToInt64Milliseconds(elapsed);
  }
  const Decay decay(now - until);
  for (server::OwnerUsage& usage : *record.mutable_usages()) {
    int64_t milliseconds = decay.Of(usage.device_milliseconds());
    if (const auto found = more.find(usage.owner()); found != more.end()) {
      milliseconds += found->second;
      more.erase(found);
    }
    usage.set_device_milliseconds(milliseconds);
  }
  for (const auto& [owner, milliseconds] : more) {
    server::OwnerUsage& usage = *record.add_usages();
    usage.set_owner(std::string(owner));
    usage.set_device_milliseconds(milliseconds);
  }
  Tidy(/*sorted=*/more.empty(), *record.mutable_usages());
  *record.mutable_usage_time() = ToProto(now);
}

int64_t FairShares::OfQueue(const std::string& queue) const {
  return ShareIn(of_queue, queue);
}

int64_t FairShares::OfOwner(const std::string& queue,
                            const std::string& owner) const {
  return ShareIn(OwnersOf(queue), owner);
}

const FairShares::OfNames& FairShares::OwnersOf(
    const std::string& queue) const {
  static const auto& none = *new OfNames();
  const auto owners = of_owner.find(queue);
  return owners == of_owner.end() ? none : owners->second;
}

FairShares SharesAt(const QueueRecords& queues, absl::Time now) {
  FairShares shares;
  TakeShares(queues, now, shares);
  return shares;
}

void TakeShares(const QueueRecords& queues, absl::Time now,
                FairShares& shares) {
  absl::erase_if(shares.of_queue, [&](const auto& entry) {
    return !queues.contains(entry.first);
  });
  absl::erase_if(shares.of_owner, [&](const auto& entry) {
    return !queues.contains(entry.first);
  });
  for (const auto& [id, record] : queues) {
    shares.of_queue[id] = TakeOwnerShares(record, now - ChargedUntil(record),
                                          shares.of_owner[id]);
  }
}

}  // namespace lockstep
