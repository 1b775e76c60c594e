#ifndef LOCKSTEP_WORKER_TRAIN_MODEL_FLOPS_H_
#define LOCKSTEP_WORKER_TRAIN_MODEL_FLOPS_H_

// The floating-point operations that training cannot do without, for the model
// FLOPs utilisation (MFU) of "PaLM", arXiv:2204.02311, appendix B:
//
//   all weights trained   6 N + A a token
//   adapters trained      4 N + 6 N_a + A: no frozen weight has a gradient
//
//   N    parameters of the blocks' matrices and of the head, once also where
//        it is the embedding; neither the look-up nor norms nor biases
//   N_a  parameters of the adapters
//   A    6 layers heads head_dim s, causal attention over a document of s
//        tokens
//
// What is computed twice to save memory, or left out because no token there is
// trained, does not change it. Used by the trainer's thread.

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "worker/model/method.h"
#include "worker/model/model_config.h"

namespace lockstep {

struct ModelFlops {
  double per_token = 0;
  // Per square of a document's length.
  double per_squared_length = 0;

  double Of(int64_t tokens, int64_t squared_lengths) const {
    return per_token * static_cast<double>(tokens) +
           per_squared_length * static_cast<double>(squared_lengths);
  }
};

ModelFlops FlopsOf(const ModelConfig& config, const Method& method);

// Dense bf16 operations a second that the maker's data sheet promises a GPU of
// this product name; nothing for one that is not known here.
std::optional<double> PeakFlopsOf(absl::string_view gpu);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_MODEL_FLOPS_H_
