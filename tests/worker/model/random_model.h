#ifndef LOCKSTEP_TESTS_WORKER_MODEL_RANDOM_MODEL_H_
#define LOCKSTEP_TESTS_WORKER_MODEL_RANDOM_MODEL_H_

// Models without files, and batches by hand.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker/model/model_weights.h"
#include "worker/model/token_batch.h"
#include "worker/model/transformer.h"

namespace lockstep {

struct Document {
  std::vector<int32_t> ids;
  // 1 where the token is to be learned; the first never is.
  std::vector<int32_t> trained;
};

// Owns what a TokenBatch looks at.
class Batch {
 public:
  explicit Batch(const std::vector<Document>& documents);
  TokenBatch view() const;

 private:
  std::vector<int32_t> ids_;
  std::vector<int32_t> labels_;
  std::vector<int32_t> positions_;
  std::vector<int32_t> cu_seqlens_;
};

// Documents of the given lengths with random ids; all tokens are trained but
// every third.
std::vector<Document> RandomDocuments(const std::vector<int64_t>& lengths,
                                      int64_t vocabulary);

// The same with all tokens trained.
std::vector<Document> TrainedDocuments(const std::vector<int64_t>& lengths,
                                       int64_t vocabulary);

// Odd sizes, two layers, grouped heads; Qwen2's has biases and a tied head.
ModelConfig OddConfig(ModelConfig::Family family);

// Values that depend on the name alone: norms around 1, the rest around 0.
TensorReader RandomReader(double scale = 0.2);

// A model of RandomReader's weights; adapters with a B that is not zero.
std::unique_ptr<ModelWeights> RandomModel(const ModelConfig& config,
                                          const Method& method);

Method LoraMethod(int64_t r, double dropout = 0);
Method FullMethod();

std::unique_ptr<Transformer> MakeTransformer(ModelWeights& weights,
                                             int64_t max_tokens = 512);

// ||value - reference|| / ||reference||, in double.
double RelativeError(const at::Tensor& value, const at::Tensor& reference);

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_MODEL_RANDOM_MODEL_H_
