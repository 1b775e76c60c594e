#include "kernels/rotary_table.h"

#include <cmath>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/status.h"

namespace lockstep {
namespace {

absl::Status Check(const RotaryTableOptions& options) {
  if (options.head_dim <= 0 || options.head_dim % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rotary_table: head_dim ", options.head_dim,
                     " where a positive even number is needed"));
  }
  if (!(options.rope_theta > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("rotary_table: rope_theta ", options.rope_theta,
                     " where a positive number is needed"));
  }
  if (!options.llama3.has_value()) return absl::OkStatus();
  const Llama3Scaling& scaling = *options.llama3;
  if (scaling.factor > 0 && scaling.low_freq_factor > 0 &&
      scaling.high_freq_factor > scaling.low_freq_factor &&
      scaling.original_max_position_embeddings > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "rotary_table: llama3 factor ", scaling.factor, ", low_freq_factor ",
      scaling.low_freq_factor, ", high_freq_factor ", scaling.high_freq_factor,
      ", original_max_position_embeddings ",
      scaling.original_max_position_embeddings,
      "; all must be positive, and high_freq_factor above low_freq_factor"));
}

// As Transformers computes it: each operation rounds to float32.
float Scale(float frequency, const Llama3Scaling& scaling) {
  const auto context =
      static_cast<float>(scaling.original_max_position_embeddings);
  const auto factor = static_cast<float>(scaling.factor);
  const auto low = static_cast<float>(scaling.low_freq_factor);
  const auto spread =
      static_cast<float>(scaling.high_freq_factor - scaling.low_freq_factor);
  const auto longest = static_cast<float>(
      scaling.original_max_position_embeddings / scaling.low_freq_factor);
  const auto shortest = static_cast<float>(
      scaling.original_max_position_embeddings / scaling.high_freq_factor);
  const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
  if (wavelength > longest) return frequency / factor;
  if (wavelength < shortest) return frequency;
  const float smooth = (context / wavelength - low) / spread;
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

absl::StatusOr<std::vector<float>> RotaryInverseFrequencies(
    const RotaryTableOptions& options) {
  LOCKSTEP_KERNEL_RETURN_IF_ERROR(Check(options));
  std::vector<float> frequencies(options.head_dim / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent =
        static_cast<float>(2 * i) / static_cast<float>(options.head_dim);
    const auto power =
        static_cast<float>(std::pow(options.rope_theta, exponent));
    frequencies[i] = 1 / power;
    if (options.llama3) frequencies[i] = Scale(frequencies[i], *options.llama3);
  }
  return frequencies;
}

void FillRotaryTable(float* cos_PD, float* sin_PD,
                     absl::Span<const float> inverse_frequencies,
                     int64_t positions) {
  for (int64_t p = 0; p < positions; ++p) {
    for (const float frequency : inverse_frequencies) {
      // The angle rounds to float32; its cosine is then exact but for one
      // rounding.
      const double angle = static_cast<float>(p) * frequency;
      *cos_PD++ = static_cast<float>(std::cos(angle));
      *sin_PD++ = static_cast<float>(std::sin(angle));
    }
  }
}

}  // namespace lockstep
