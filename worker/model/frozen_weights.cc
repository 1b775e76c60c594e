#include "worker/model/frozen_weights.h"

namespace lockstep {

FrozenWeights CarveFrozenWeights(const ModelConfig& config,
                                 const BlockShape& block,
                                 const LoraOptions* lora, at::ScalarType type,
                                 Arena& arena) {
  const bool concatenated = lora != nullptr && lora->concatenated();
  const auto fp8 = [&](int64_t rows, int64_t columns) {
    return Fp8Matrix{
        .values_TK = arena.Take({rows, columns}, at::kFloat8_e4m3fn),
        .scale_T = arena.Take({rows})};
  };
  const auto linear = [&](const LinearShape& shape) {
    const int64_t tail = concatenated ? shape.tail : 0;
    LinearWeights weights;
    if (lora != nullptr && lora->fp8_base) {
      weights.fp8 = fp8(shape.out, shape.in);
      weights.fp8_transposed = fp8(shape.in, shape.out);
    } else {
      weights.matrix = arena.Take({shape.out + tail, shape.in + tail}, type);
    }
    if (shape.has_bias) weights.bias = arena.Take({shape.out}, type);
    return weights;
  };
  FrozenWeights weights;
  weights.embedding = arena.Take({config.vocab_size, config.hidden_size}, type);
  weights.head =
      config.tie_word_embeddings
          ? weights.embedding
          : arena.Take({config.vocab_size, config.hidden_size}, type);
  weights.final_norm = arena.Take({config.hidden_size}, type);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    BlockWeights& of_layer = weights.blocks.emplace_back();
    of_layer.input_norm = arena.Take({config.hidden_size}, type);
    of_layer.post_attention_norm = arena.Take({config.hidden_size}, type);
    of_layer.qkv = linear(block.qkv);
    of_layer.o = linear(block.o);
    of_layer.gate_up = linear(block.gate_up);
    of_layer.down = linear(block.down);
  }
  return weights;
}

}  // namespace lockstep
