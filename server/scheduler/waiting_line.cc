#include "server/scheduler/waiting_line.h"

#include <algorithm>

namespace lockstep {

void WaitingLine::Add(WaitingJob job) {
  const LaneKey key{job.priority, job.demand.kind, job.demand.model, job.queue,
                    job.owner};
  const auto lane = lanes_.try_emplace(key).first;
  places_[job.name] = {lane, job.order};
  const int64_t order = job.order;
  lane->second.insert_or_assign(order, std::move(job));
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
  return &found->second.lane->second.at(found->second.order);
}

LineCursor::LineCursor(const WaitingLine& line, const FairShares& shares) {
  heads_.reserve(line.lanes().size());
  for (const auto& [key, lane] : line.lanes()) {
    heads_.push_back({{-key.priority, shares.OfQueue(key.queue),
                       shares.OfOwner(key.queue, key.owner)},
                      lane.begin(),
                      lane.end()});
  }
  std::make_heap(heads_.begin(), heads_.end(), Later);
}

bool LineCursor::Later(const Head& a, const Head& b) {
  return std::tie(a.rank, a.job->first) > std::tie(b.rank, b.job->first);
}

const WaitingJob* LineCursor::Peek() const {
  return heads_.empty() ? nullptr : &heads_.front().job->second;
}

void LineCursor::Advance() {
  std::pop_heap(heads_.begin(), heads_.end(), Later);
  if (++heads_.back().job == heads_.back().end) {
    heads_.pop_back();
  } else {
    std::push_heap(heads_.begin(), heads_.end(), Later);
  }
}

void LineCursor::DropLane() {
  std::pop_heap(heads_.begin(), heads_.end(), Later);
  heads_.pop_back();
}

}  // namespace lockstep
