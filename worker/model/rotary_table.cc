#include "worker/model/rotary_table.h"

#include <ATen/ATen.h>

#include <vector>

#include "kernels/rotary_table.h"
#include "proto/contract/status_macros.h"

namespace lockstep {

absl::StatusOr<RotaryTable> MakeRotaryTable(const ModelConfig& config,
                                            int64_t positions,
                                            at::Device device) {
  RotaryTableOptions options;
  options.head_dim = config.head_dim;
  options.rope_theta = config.rope_theta;
  if (config.rope_scaling.has_value()) {
    options.llama3 = Llama3Scaling{
        .factor = config.rope_scaling->factor,
        .low_freq_factor = config.rope_scaling->low_freq_factor,
        .high_freq_factor = config.rope_scaling->high_freq_factor,
        .original_max_position_embeddings =
            config.rope_scaling->original_max_position_embeddings,
    };
  }
  ASSIGN_OR_RETURN(const std::vector<float> frequencies,
                   RotaryInverseFrequencies(options));
  const int64_t half = static_cast<int64_t>(frequencies.size());
  RotaryTable table{.cos_PD = at::empty({positions, half}, at::kFloat),
                    .sin_PD = at::empty({positions, half}, at::kFloat)};
  FillRotaryTable(table.cos_PD.data_ptr<float>(),
                  table.sin_PD.data_ptr<float>(), frequencies, positions);
  table.cos_PD = table.cos_PD.to(device);
  table.sin_PD = table.sin_PD.to(device);
  return table;
}

}  // namespace lockstep
