#ifndef LOCKSTEP_WORKER_OPTIM_OPTIMIZER_H_
#define LOCKSTEP_WORKER_OPTIM_OPTIMIZER_H_

// Turns summed gradients into new values, over flat buffers. Used by the
// trainer's thread.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep {

// Floats [begin, end) of the flat buffers, with or without weight decay.
struct DecayRange {
  int64_t begin = 0;
  int64_t end = 0;
  bool decays = true;
};

// A flat buffer of the optimizer's state, laid out like the values.
struct OptimizerBuffer {
  // PyTorch's name: "exp_avg".
  std::string name;
  at::Tensor buffer;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Multiplies the gradients by `gradient_scale` (which divides by the token
  // count and clips) and updates the values. The gradients stay as they are.
  virtual void Step(double learning_rate, double gradient_scale) = 0;

  // Steps done so far; what a checkpoint keeps and restores, beside State().
  virtual int64_t steps() const = 0;
  virtual void set_steps(int64_t steps) = 0;
  virtual std::vector<OptimizerBuffer> State() = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_OPTIM_OPTIMIZER_H_
