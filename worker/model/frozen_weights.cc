#include "worker/model/frozen_weights.h"

#include "worker/model/fp8_matrix.h"

namespace lockstep {
namespace {

at::Tensor Part(const at::Tensor& matrix, int64_t row, int64_t rows,
                int64_t column, int64_t columns) {
  return matrix.narrow(0, row, rows).narrow(1, column, columns);
}

}  // namespace

FrozenWeights CarveFrozenWeights(const ModelConfig& config,
                                 const BlockShape& block,
                                 const LoraOptions* lora, at::ScalarType type,
                                 Arena& arena) {
  const bool concatenated = lora != nullptr && lora->concatenated();
  const auto linear = [&](const LinearShape& shape) {
    const int64_t tail = concatenated ? shape.tail : 0;
    LinearWeights weights;
    if (lora != nullptr && lora->fp8_base) {
      weights.fp8 = CarveFp8Weights(shape.out, shape.in, tail, arena);
      weights.fp8_transposed =
          CarveFp8Weights(shape.in, shape.out, tail, arena);
      if (tail > 0) {
        weights.stacked_a = arena.Take({tail, shape.in}, type);
        weights.scaled_b = arena.Take({shape.out, tail}, type);
      }
    } else {
      weights.matrix = arena.Take({shape.out + tail, shape.in + tail}, type);
      if (tail > 0 && !arena.measuring()) {
        weights.stacked_a = Part(weights.matrix, shape.out, tail, 0, shape.in);
        weights.scaled_b = Part(weights.matrix, 0, shape.out, shape.in, tail);
      }
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
