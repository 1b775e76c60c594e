#ifndef LOCKSTEP_WORKER_TRAIN_CHECKPOINT_RETENTION_H_
#define LOCKSTEP_WORKER_TRAIN_CHECKPOINT_RETENTION_H_

// Which checkpoints are too many, by the rule of Hugging Face's
// save_total_limit. Pure.

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace lockstep {

// Of `steps`, those of the checkpoints at hand: what goes so that `limit` stay,
// oldest first. The newest stays always, for the run may have to go on from it,
// and `best` too when it is given; a limit of 1 then leaves both.
std::vector<int64_t> SurplusCheckpoints(const std::set<int64_t>& steps,
                                        int limit, std::optional<int64_t> best);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_CHECKPOINT_RETENTION_H_
