#ifndef LOCKSTEP_TESTS_KERNELS_ATTENTION_ORACLE_H_
#define LOCKSTEP_TESTS_KERNELS_ATTENTION_ORACLE_H_

// Attention in float64, written from the formula with a whole row of scores.

#include <vector>

#include "kernels/qkv_layout.h"
#include "tests/kernels/matrix.h"

namespace lockstep::testing {

struct AttentionCase {
  QkvLayout layout;
  std::vector<int32_t> cu_seqlens;
  int64_t tokens = 0;
};

struct AttentionResult {
  Doubles out_TQ;
  Doubles log_sum_HT;
};

AttentionResult AttentionOracle(const AttentionCase& c, const Doubles& qkv_TN);

// The gradient of Dot(out, d_out) over qkv.
Doubles AttentionGradientOracle(const AttentionCase& c, const Doubles& qkv_TN,
                                const Doubles& d_out_TQ);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_KERNELS_ATTENTION_ORACLE_H_
