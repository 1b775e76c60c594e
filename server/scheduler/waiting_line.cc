#include "server/scheduler/waiting_line.h"

#include <algorithm>

namespace lockstep {

void WaitingLine::Add(WaitingJob job) {
  const LaneKey key{job.priority, job.demand.kind, job.demand.model, job.queue,
                    job.owner};
  const auto lane = lanes_.try_emplace(key).first;
  places_[job.name] = {lane, job.order};
  const int64_t order = job.order;
  lane->second.insert_or_assign(
      order, std::make_unique<const WaitingJob>(std::move(job)));
}

void WaitingLine::Remove(const std::string& name) {
  const auto found = places_.find(name);
  if (found == places_.end()) return;
  const auto lane = found->second.lane;
  lane->second.erase(found->second.order);
  if (lane->second.empty()) lanes_.erase(lane);
  places_.erase(found);
}

const WaitingJob* WaitingLine::Find(const std::string& name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) return nullptr;
  return found->second.lane->second.at(found->second.order).get();
}

LineCursor::LineCursor(const WaitingLine& line, const FairShares& shares) {
  heads_.reserve(line.lanes().size());
  const std::string* queue = nullptr;
  int64_t share = 0;
  const FairShares::OfNames* owners = nullptr;
  for (const auto& [key, lane] : line.lanes()) {
    // Lanes of one queue follow each other.
    if (queue == nullptr || *queue != key.queue) {
      queue = &key.queue;
      share = shares.OfQueue(key.queue);
      owners = &shares.OwnersOf(key.queue);
    }
    heads_.push_back({{-key.priority, share, ShareIn(*owners, key.owner),
                       lane.begin()->first},
                      heads_.size(),
                      lane.begin(),
                      lane.end()});
  }
  std::make_heap(heads_.begin(), heads_.end(), Later);
}

const WaitingJob* LineCursor::Peek() const {
  return heads_.empty() ? nullptr : heads_.front().job->second.get();
}

void LineCursor::Advance() {
  Head& first = heads_.front();
  if (++first.job == first.end) {
    DropLane();
    return;
  }
  std::get<3>(first.rank) = first.job->first;
  SiftFirst();
}

void LineCursor::DropLane() {
  heads_.front() = heads_.back();
  heads_.pop_back();
  SiftFirst();
}

// In one pass, where pop_heap and push_heap take two: most often it stays the
// first, as lanes of one rank are few.
void LineCursor::SiftFirst() {
  size_t at = 0;
  for (size_t child = 1; child < heads_.size(); child = 2 * at + 1) {
    const size_t other = child + 1;
    if (other < heads_.size() && Later(heads_[child], heads_[other])) {
      child = other;
    }
    if (!Later(heads_[at], heads_[child])) return;
    std::swap(heads_[at], heads_[child]);
    at = child;
  }
}

}  // namespace lockstep
