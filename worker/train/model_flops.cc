#include "worker/train/model_flops.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "worker/model/layout.h"

namespace lockstep {
namespace {

int64_t MatrixParameters(const ModelConfig& config) {
  const BlockShape block = MakeBlockShape(config, /*lora=*/nullptr);
  int64_t in_block = 0;
  for (const LinearShape* linear : block.linears()) {
    in_block += linear->in * linear->out;
  }
  return config.num_layers * in_block + config.vocab_size * config.hidden_size;
}

int64_t AdapterParameters(const ModelConfig& config, const Method& method) {
  if (method.adapters() == nullptr) return 0;
  int64_t count = 0;
  for (const Parameter& parameter : LoraParameters(config, method.lora)) {
    count += parameter.size();
  }
  return count;
}

// Whether `word` stands in `text` by itself: A100 is none of A1000.
bool HasWord(absl::string_view text, absl::string_view word) {
  const size_t begin = text.find(word);
  if (begin == absl::string_view::npos) return false;
  const size_t end = begin + word.size();
  return (begin == 0 || !absl::ascii_isalnum(text[begin - 1])) &&
         (end == text.size() || !absl::ascii_isalnum(text[end]));
}

}  // namespace

ModelFlops FlopsOf(const ModelConfig& config, const Method& method) {
  const auto matrices = static_cast<double>(MatrixParameters(config));
  const auto adapters = static_cast<double>(AdapterParameters(config, method));
  const bool all = method.kind == Method::Kind::kFull;
  return {.per_token = (all ? 6 : 4) * matrices + 6 * adapters,
          .per_squared_length =
              6.0 * static_cast<double>(config.num_layers * config.num_heads *
                                        config.head_dim)};
}

std::optional<double> PeakFlopsOf(absl::string_view gpu) {
  struct Peak {
    absl::string_view name;
    double tflops;
  };
  // The first that the name contains. Without sparsity, and of the cards for
  // desks with float32 sums, as training needs them.
  static constexpr Peak kPeaks[] = {
      {"GB200", 2500}, {"B200", 2250},     {"H200 NVL", 835.5},
      {"H200", 989.4}, {"H100 PCIe", 756}, {"H100 NVL", 835.5},
      {"H100", 989.4}, {"H800", 989.4},    {"GH200", 989.4},
      {"A100", 312},   {"A800", 312},      {"L40S", 362},
      {"L40", 181},    {"A40", 149.7},     {"A10G", 70},
      {"A10", 125},    {"RTX 4090", 165.2}};
  const std::string name = absl::AsciiStrToLower(gpu);
  // A part of a card, or one that has less than its name says.
  for (const absl::string_view less : {" mig ", "laptop", "4090 d"}) {
    if (absl::StrContains(name, less)) return std::nullopt;
  }
  for (const Peak& peak : kPeaks) {
    if (HasWord(name, absl::AsciiStrToLower(peak.name))) {
      return peak.tflops * 1e12;
    }
  }
  return std::nullopt;
}

}  // namespace lockstep
