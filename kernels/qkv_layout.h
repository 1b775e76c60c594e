#ifndef LOCKSTEP_KERNELS_QKV_LAYOUT_H_
#define LOCKSTEP_KERNELS_QKV_LAYOUT_H_

// A packed row of one token's heads: query heads, then key heads, then value
// heads, head_dim values each. Query head h reads key and value head
// h / (query_heads / kv_heads) (grouped-query attention, arXiv:2305.13245).

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep {

struct QkvLayout {
  int64_t query_heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;

  int64_t query_cols() const { return query_heads * head_dim; }
  // Of the keys, and of the values.
  int64_t kv_cols() const { return kv_heads * head_dim; }
  int64_t key_begin() const { return query_cols(); }
  int64_t value_begin() const { return (query_heads + kv_heads) * head_dim; }
  int64_t cols() const { return (query_heads + 2 * kv_heads) * head_dim; }
};

// INVALID_ARGUMENT naming `op` unless the numbers are positive, head_dim is
// even and kv_heads divides query_heads.
absl::Status CheckLayout(absl::string_view op, const QkvLayout& layout);

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_QKV_LAYOUT_H_
