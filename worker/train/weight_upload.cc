#include "worker/train/weight_upload.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

// Large enough that a copy runs at the speed of the bus.
constexpr int64_t kBlockBytes = int64_t{32} << 20;

std::optional<at::ScalarType> TypeOf(const std::string& dtype) {
  if (dtype == "F32") return at::kFloat;
  if (dtype == "BF16") return at::kBFloat16;
  if (dtype == "F16") return at::kHalf;
  return std::nullopt;
}

}  // namespace

WeightUpload::WeightUpload(const WeightSource& source, c10::Device device)
    : source_(source), device_(device) {}

void WeightUpload::MakeBlocks() {
  const auto options =
      at::TensorOptions(at::kByte).pinned_memory(!device_.is_cpu());
  for (int i = 0; i < 2; ++i) {
    blocks_.push_back({.bytes = at::empty({kBlockBytes}, options),
                       .sent = c10::Event(device_.type())});
  }
}

WeightUpload::~WeightUpload() {
  // A GPU that failed says so to whoever asks it next; here it may only be
  // told.
  try {
    for (Block& block : blocks_) block.sent.synchronize();
  } catch (const std::exception& error) {
    std::cerr << "weights on their way to the GPU: " << error.what() << "\n";
  }
}

absl::Status WeightUpload::Place(const std::string& name,
                                 const at::Tensor& out) {
  ASSIGN_OR_RETURN(const SafetensorsFile* file, source_.FileOf(name));
  ASSIGN_OR_RETURN(const TensorInfo tensor,
                   file->Find(name, out.sizes().vec()));
  const std::optional<at::ScalarType> type = TypeOf(tensor.dtype);
  if (!type.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file->path(), ": tensor ", name, " is ", tensor.dtype,
                     "; F32, BF16 and F16 can be read"));
  }
  if (out.numel() == 0) return absl::OkStatus();
  if (blocks_.empty()) MakeBlocks();
  // Whole rows, or parts of what is one long row.
  const int64_t row_bytes =
      out.numel() / out.size(0) * static_cast<int64_t>(c10::elementSize(*type));
  const int64_t rows = std::max<int64_t>(kBlockBytes / row_bytes, 1);
  for (int64_t row = 0; row < out.size(0); row += rows) {
    const int64_t count = std::min(rows, out.size(0) - row);
    RETURN_IF_ERROR(Send(*file, tensor, row, *type, out.narrow(0, row, count)));
  }
  return absl::OkStatus();
}

absl::Status WeightUpload::Send(const SafetensorsFile& file,
                                const TensorInfo& tensor, int64_t row,
                                at::ScalarType type, const at::Tensor& out) {
  Block& block = blocks_[next_];
  next_ = (next_ + 1) % blocks_.size();
  // What it held before may still be on its way.
  block.sent.synchronize();
  const int64_t bytes =
      out.numel() * static_cast<int64_t>(c10::elementSize(type));
  if (bytes > block.bytes.numel()) {
    block.bytes = at::empty({bytes}, block.bytes.options());
  }
  const int64_t offset = row * (bytes / out.size(0));
  RETURN_IF_ERROR(file.ReadRaw(tensor, offset, bytes, block.bytes.data_ptr()));
  const at::Tensor host = block.bytes.narrow(0, 0, bytes).view(type);
  // Over the bus as it is, and converted there.
  out.copy_(host.view(out.sizes()).to(device_, /*non_blocking=*/true));
  if (!device_.is_cpu()) {
    block.sent.record(
        c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  return absl::OkStatus();
}

}  // namespace lockstep
