#ifndef LOCKSTEP_WORKER_OPTIM_ADAMW_H_
#define LOCKSTEP_WORKER_OPTIM_ADAMW_H_

// AdamW (arXiv:1711.05101) as torch.optim.AdamW computes it: decay first,
// bias-corrected moments, epsilon outside the root. kernels/adamw does the
// work; this keeps the state.

#include <vector>

#include "kernels/adamw.h"
#include "worker/optim/optimizer.h"

namespace lockstep {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

class AdamW : public Optimizer {
 public:
  // `values` and `gradients` are flat, float32, of one size; `ranges` covers
  // them.
  AdamW(at::Tensor values, at::Tensor gradients,
        const std::vector<DecayRange>& ranges, const AdamWOptions& options);

  void Step(double learning_rate, double gradient_scale) override;
  int64_t steps() const override { return steps_; }
  void set_steps(int64_t steps) override { steps_ = steps; }
  std::vector<OptimizerBuffer> State() override;

 private:
  const at::Tensor values_;
  const at::Tensor gradients_;
  const std::vector<AdamWSegment> segments_;
  const AdamWOptions options_;
  at::Tensor exp_avg_;
  at::Tensor exp_avg_sq_;
  int64_t steps_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_OPTIM_ADAMW_H_
