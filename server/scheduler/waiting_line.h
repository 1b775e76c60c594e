#ifndef LOCKSTEP_SERVER_SCHEDULER_WAITING_LINE_H_
#define LOCKSTEP_SERVER_SCHEDULER_WAITING_LINE_H_

// The jobs that are prepared and wait for devices, in lanes: what is alike in
// all that decides but age is one lane, oldest first. The order over all lanes
// depends on shares, which change; a cursor merges the heads of the lanes, so
// that the first few of a hundred thousand cost no walk over all.
// Thread-compatible.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "lockstep/v1/job.pb.h"
#include "server/scheduler/device_pool.h"
#include "server/scheduler/fair_share.h"

namespace lockstep {

struct WaitingJob {
  std::string name;
  DeviceDemand demand;
  v1::ResourceSpec::Priority priority = v1::ResourceSpec::PRIORITY_NORMAL;
  std::string queue;
  std::string owner;
  // Order of creation; no two have the same.
  int64_t order = 0;
  // How long it may hold devices once it has them; infinite: for ever.
  absl::Duration longest = absl::InfiniteDuration();
};

class WaitingLine {
 public:
  struct LaneKey {
    v1::ResourceSpec::Priority priority;
    v1::Device::Kind kind;
    std::string model;
    std::string queue;
    std::string owner;

    friend bool operator<(const LaneKey& a, const LaneKey& b) {
      return std::tie(a.priority, a.kind, a.model, a.queue, a.owner) <
             std::tie(b.priority, b.kind, b.model, b.queue, b.owner);
    }
  };
  // By order. What a policy goes through lies together.
  using Lane = absl::btree_map<int64_t, std::unique_ptr<const WaitingJob>>;
  using Lanes = std::map<LaneKey, Lane>;

  // One that is not in it.
  void Add(WaitingJob job);
  // Fine when it is not in it.
  void Remove(const std::string& name);
  // Null when it is not in it.
  const WaitingJob* Find(const std::string& name) const;

  size_t size() const { return places_.size(); }
  // None of them is empty.
  const Lanes& lanes() const { return lanes_; }

 private:
  struct Place {
    Lanes::iterator lane;
    int64_t order = 0;
  };

  Lanes lanes_;
  absl::flat_hash_map<std::string, Place> places_;
};

// All of the line in the order in which they start: the more urgent first, then
// the queue with the smaller share, in it the owner with the smaller share, and
// then the oldest. The line and the shares must stay as they are meanwhile.
class LineCursor {
 public:
  LineCursor(const WaitingLine& line, const FairShares& shares);

  // Null at the end.
  const WaitingJob* Peek() const;
  // Of the one that Peek shows: the same for all of it, below lanes().size().
  size_t lane() const { return heads_.front().lane; }
  void Advance();
  // Over all of the lane of the one that Peek shows.
  void DropLane();

 private:
  struct Head {
    // What decides, and last the order of the job; the smaller goes first.
    std::tuple<int, int64_t, int64_t, int64_t> rank;
    size_t lane;
    WaitingLine::Lane::const_iterator job;
    WaitingLine::Lane::const_iterator end;
  };

  static bool Later(const Head& a, const Head& b) { return a.rank > b.rank; }
  // The first head is another one: moves it to where it belongs.
  void SiftFirst();

  std::vector<Head> heads_;  // A heap.
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_WAITING_LINE_H_
