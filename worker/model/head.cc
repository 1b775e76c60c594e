#include "worker/model/head.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "kernels/row_select.h"
#include "proto/contract/status_macros.h"
#include "worker/model/product.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

constexpr int64_t kCpuChunkBytes = 2 << 20;
// A product of fewer rows leaves parts of a GPU idle, one of more gains
// nothing.
constexpr int64_t kGpuChunkRows = 2048;

}  // namespace

Head::Head(const Placement& placement, int64_t max_tokens)
    : placed_rows_(placement.device, max_tokens),
      placed_labels_(placement.device, max_tokens) {
  rows_.reserve(max_tokens);
  labels_.reserve(max_tokens);
  const auto options = at::TensorOptions().device(placement.device);
  loss_sum_ = at::zeros({1}, options.dtype(at::kDouble));
  correct_ = at::zeros({1}, options.dtype(at::kLong));
  if (placement.device.is_cpu()) return;
  chunk_sum_ = at::zeros({1}, options.dtype(at::kDouble));
  losses_ = at::empty({std::min(kGpuChunkRows, max_tokens)},
                      options.dtype(at::kDouble));
}

int64_t Head::ChunkRows(const Placement& placement, int64_t vocabulary,
                        int64_t max_tokens) {
  if (!placement.device.is_cpu()) return std::min(kGpuChunkRows, max_tokens);
  const int64_t row_bytes = vocabulary * static_cast<int64_t>(sizeof(float));
  return std::clamp<int64_t>(kCpuChunkBytes / row_bytes, 1, max_tokens);
}

int64_t Head::SelectTrained(absl::Span<const int32_t> labels) {
  rows_.clear();
  labels_.clear();
  for (size_t t = 0; t < labels.size(); ++t) {
    if (labels[t] < 0) continue;
    rows_.push_back(static_cast<int32_t>(t));
    labels_.push_back(labels[t]);
  }
  placed_rows_.Place(rows_);
  placed_labels_.Place(labels_);
  return selected();
}

absl::Status Head::Begin(StepBuffers& buffers) {
  loss_sum_.zero_();
  correct_.zero_();
  return GatherRows(View(buffers.head_x_TD.narrow(0, 0, selected())),
                    View(buffers.final_TD), placed_rows_.data());
}

CrossEntropyArgs Head::LossArgs(const at::Tensor& logits_CV, int64_t begin,
                                const StepBuffers& buffers) {
  return {.loss_R = buffers.loss_C.data_ptr<float>(),
          .correct = correct_.data_ptr<int64_t>(),
          .logits_RV = View(logits_CV),
          .labels_R = placed_labels_.data() + begin};
}

void Head::AddLosses(const StepBuffers& buffers, int64_t rows) {
  if (loss_sum_.is_cuda()) {
    const at::Tensor losses_C = losses_.narrow(0, 0, rows);
    losses_C.copy_(buffers.loss_C.narrow(0, 0, rows));
    at::sum_out(chunk_sum_, losses_C, {0}, /*keepdim=*/true);
    loss_sum_.add_(chunk_sum_);
    return;
  }
  // Here in the order of the rows.
  const float* loss_C = buffers.loss_C.data_ptr<float>();
  double& sum = *loss_sum_.data_ptr<double>();
  for (int64_t i = 0; i < rows; ++i) sum += loss_C[i];
}

StepOutput Head::Sums() const {
  return {.loss_sum = loss_sum_.item<double>(),
          .trained_tokens = selected(),
          .correct = correct_.item<int64_t>()};
}

absl::StatusOr<StepOutput> Head::Forward(const at::Tensor& head_VD,
                                         StepBuffers& buffers) {
  RETURN_IF_ERROR(Begin(buffers));
  for (int64_t begin = 0; begin < selected();) {
    const int64_t rows =
        std::min(buffers.logits_CV.size(0), selected() - begin);
    const at::Tensor logits_CV = buffers.logits_CV.narrow(0, 0, rows);
    Product(logits_CV, buffers.head_x_TD.narrow(0, begin, rows), head_VD.t());
    RETURN_IF_ERROR(CrossEntropyForward(LossArgs(logits_CV, begin, buffers)));
    AddLosses(buffers, rows);
    begin += rows;
  }
  return Sums();
}

absl::StatusOr<StepOutput> Head::ForwardBackward(const at::Tensor& head_VD,
                                                 const at::Tensor& dhead_VD,
                                                 StepBuffers& buffers) {
  RETURN_IF_ERROR(Begin(buffers));
  for (int64_t begin = 0; begin < selected();) {
    const int64_t rows =
        std::min(buffers.logits_CV.size(0), selected() - begin);
    const at::Tensor x_CD = buffers.head_x_TD.narrow(0, begin, rows);
    const at::Tensor logits_CV = buffers.logits_CV.narrow(0, 0, rows);
    Product(logits_CV, x_CD, head_VD.t());
    RETURN_IF_ERROR(
        CrossEntropyForwardBackward(LossArgs(logits_CV, begin, buffers)));
    AddLosses(buffers, rows);
    Product(buffers.head_dx_TD.narrow(0, begin, rows), logits_CV, head_VD);
    if (dhead_VD.defined()) AddProduct(dhead_VD, logits_CV.t(), x_CD);
    begin += rows;
  }
  RETURN_IF_ERROR(ScatterRows(View(buffers.dresidual_TD, head_VD.size(1)),
                              View(buffers.head_dx_TD.narrow(0, 0, selected())),
                              placed_rows_.data()));
  return Sums();
}

}  // namespace lockstep
