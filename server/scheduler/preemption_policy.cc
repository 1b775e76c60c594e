#include "server/scheduler/preemption_policy.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace lockstep {
namespace {

using Candidates = std::vector<PreemptionCandidate>;

// The most devices that `count` of those from `first` on can free.
int MostOf(const Candidates& candidates, size_t first, int count) {
  std::vector<int> devices;
  for (size_t i = first; i < candidates.size(); ++i) {
    devices.push_back(candidates[i].devices);
  }
  std::sort(devices.begin(), devices.end(), std::greater<int>());
  int sum = 0;
  for (int i = 0; i < count && i < static_cast<int>(devices.size()); ++i) {
    sum += devices[i];
  }
  return sum;
}

// How few can free that many; more than there are: all cannot.
int FewestFor(int wanted, const Candidates& candidates) {
  const int all = static_cast<int>(candidates.size());
  int count = 0;
  while (count <= all && MostOf(candidates, 0, count) < wanted) ++count;
  return count;
}

}  // namespace

std::vector<std::string> ChooseVictims(int wanted, Candidates candidates) {
  std::sort(candidates.begin(), candidates.end(),
            [](const PreemptionCandidate& a, const PreemptionCandidate& b) {
              return std::tuple(a.priority, b.started, b.order) <
                     std::tuple(b.priority, a.started, a.order);
            });
  int left = FewestFor(wanted, candidates);
  if (left > static_cast<int>(candidates.size())) return {};
  std::vector<std::string> victims;
  // The first of which the rest can still make up what is missing.
  for (size_t i = 0; i < candidates.size() && left > 0; ++i) {
    const int more = wanted - candidates[i].devices;
    if (MostOf(candidates, i + 1, left - 1) < more) continue;
    victims.push_back(candidates[i].job);
    wanted = more;
    --left;
  }
  return victims;
}

}  // namespace lockstep
