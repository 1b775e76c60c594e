#ifndef LOCKSTEP_WORKER_MODEL_BACKWARD_STAGE_H_
#define LOCKSTEP_WORKER_MODEL_BACKWARD_STAGE_H_

// How far a backward pass is: a number that falls, as it goes from the head to
// the first block, and in a block from the MLP to attention. A gradient is
// final at a stage of the pass (Parameter::final_after), and whoever sends
// gradients away is told of each (BackwardListener).

#include <cstdint>

namespace lockstep {

// Through with the head of a model of so many blocks.
constexpr int64_t AfterHead(int64_t blocks) { return 2 * blocks; }
// Through with the MLP of a block and the norm before it.
constexpr int64_t AfterMlp(int64_t block) { return 2 * block + 1; }
// Through with all of a block.
constexpr int64_t AfterBlock(int64_t block) { return 2 * block; }

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_BACKWARD_STAGE_H_
