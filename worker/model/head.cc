#include "worker/model/head.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "kernels/cross_entropy.h"
#include "kernels/row_select.h"
#include "proto/contract/status_macros.h"
#include "worker/model/product.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

constexpr int64_t kChunkBytes = 2 << 20;

// Rows [begin, begin + count) of the selected ones.
struct Chunk {
  Chunk(const StepBuffers& buffers, int64_t begin, int64_t selected)
      : begin(begin),
        rows(std::min(buffers.logits_CV.size(0), selected - begin)),
        x_CD(buffers.head_x_TD.narrow(0, begin, rows)),
        logits_CV(buffers.logits_CV.narrow(0, 0, rows)),
        loss_C(buffers.loss_C.data_ptr<float>()) {}

  double LossSum() const {
    double sum = 0;
    for (int64_t i = 0; i < rows; ++i) sum += loss_C[i];
    return sum;
  }

  int64_t begin;
  int64_t rows;
  at::Tensor x_CD;
  at::Tensor logits_CV;
  float* loss_C;
};

CrossEntropyArgs LossArgs(const Chunk& chunk, const int32_t* labels,
                          StepOutput& output) {
  return {.loss_R = chunk.loss_C,
          .correct = &output.correct,
          .logits_RV = View(chunk.logits_CV),
          .labels_R = labels + chunk.begin};
}

}  // namespace

Head::Head(int64_t max_tokens) {
  rows_.reserve(max_tokens);
  labels_.reserve(max_tokens);
}

int64_t Head::ChunkRows(int64_t vocabulary, int64_t max_tokens) {
  const int64_t row_bytes = vocabulary * static_cast<int64_t>(sizeof(float));
  return std::clamp<int64_t>(kChunkBytes / row_bytes, 1, max_tokens);
}

int64_t Head::SelectTrained(absl::Span<const int32_t> labels) {
  rows_.clear();
  labels_.clear();
  for (size_t t = 0; t < labels.size(); ++t) {
    if (labels[t] < 0) continue;
    rows_.push_back(static_cast<int32_t>(t));
    labels_.push_back(labels[t]);
  }
  return selected();
}

absl::Status Head::Gather(StepBuffers& buffers) const {
  return GatherRows(View(buffers.head_x_TD.narrow(0, 0, selected())),
                    View(buffers.final_TD), rows_.data());
}

absl::StatusOr<StepOutput> Head::Forward(const at::Tensor& head_VD,
                                         StepBuffers& buffers) const {
  StepOutput output;
  output.trained_tokens = selected();
  RETURN_IF_ERROR(Gather(buffers));
  for (int64_t begin = 0; begin < selected();) {
    const Chunk chunk(buffers, begin, selected());
    Product(chunk.logits_CV, chunk.x_CD, head_VD.t());
    RETURN_IF_ERROR(
        CrossEntropyForward(LossArgs(chunk, labels_.data(), output)));
    output.loss_sum += chunk.LossSum();
    begin += chunk.rows;
  }
  return output;
}

absl::StatusOr<StepOutput> Head::ForwardBackward(const at::Tensor& head_VD,
                                                 const at::Tensor& dhead_VD,
                                                 StepBuffers& buffers) const {
  StepOutput output;
  output.trained_tokens = selected();
  RETURN_IF_ERROR(Gather(buffers));
  for (int64_t begin = 0; begin < selected();) {
    const Chunk chunk(buffers, begin, selected());
    Product(chunk.logits_CV, chunk.x_CD, head_VD.t());
    RETURN_IF_ERROR(
        CrossEntropyForwardBackward(LossArgs(chunk, labels_.data(), output)));
    output.loss_sum += chunk.LossSum();
    Product(buffers.head_dx_TD.narrow(0, begin, chunk.rows), chunk.logits_CV,
            head_VD);
    if (dhead_VD.defined()) {
      AddProduct(dhead_VD, chunk.logits_CV.t(), chunk.x_CD);
    }
    begin += chunk.rows;
  }
  RETURN_IF_ERROR(ScatterRows(View(buffers.dresidual_TD, head_VD.size(1)),
                              View(buffers.head_dx_TD.narrow(0, 0, selected())),
                              rows_.data()));
  return output;
}

}  // namespace lockstep
