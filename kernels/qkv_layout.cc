#include "kernels/qkv_layout.h"

#include "absl/strings/str_cat.h"

namespace lockstep {

absl::Status CheckLayout(absl::string_view op, const QkvLayout& layout) {
  const auto [query_heads, kv_heads, head_dim] = layout;
  if (query_heads > 0 && kv_heads > 0 && query_heads % kv_heads == 0 &&
      head_dim > 0 && head_dim % 2 == 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      op, ": ", query_heads, " query heads, ", kv_heads,
      " key and value heads of head_dim ", head_dim,
      "; all must be positive, head_dim even, and the query heads a multiple "
      "of the key and value heads"));
}

}  // namespace lockstep
