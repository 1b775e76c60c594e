#include "worker/model/residual_offload.h"

#include <ATen/ATen.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <bit>
#include <exception>
#include <iostream>

namespace lockstep {
namespace {

// Torch hands page-locked memory out in powers of two. So many streams share a
// piece that little of it is lost.
int64_t StreamsAPiece(int64_t bytes) {
  constexpr int64_t kMost = 8;
  int64_t best = 1;
  uint64_t best_bytes = ~uint64_t{0};
  for (int64_t count = 1; count <= kMost; ++count) {
    const uint64_t bytes_each =
        std::bit_ceil(static_cast<uint64_t>(count * bytes)) / count;
    if (bytes_each >= best_bytes) continue;
    best = count;
    best_bytes = bytes_each;
  }
  return best;
}

}  // namespace

ResidualOffload::ResidualOffload(int64_t blocks, const at::Tensor& place_TD)
    : blocks_(blocks), device_(place_TD.device()) {
  const auto options =
      place_TD.options().device(at::kCPU).pinned_memory(!device_.is_cpu());
  const int64_t leaving = std::max<int64_t>(blocks - kResidualPlaces, 0);
  const auto most = StreamsAPiece(static_cast<int64_t>(place_TD.nbytes()));
  for (int64_t begin = 0; begin < leaving; begin += most) {
    std::vector<int64_t> shape = place_TD.sizes().vec();
    shape.insert(shape.begin(), std::min(most, leaving - begin));
    for (const at::Tensor& host : at::empty(shape, options).unbind()) {
      host_TD_.push_back(host);
    }
  }
  if (device_.is_cpu()) return;
  const c10::impl::VirtualGuardImpl gpu(device_.type());
  order_.emplace(Order{.copies = gpu.getStreamFromGlobalPool(device_),
                       .ready = c10::Event(device_.type()),
                       .moved = {}});
  for (int64_t place = 0; place < kResidualPlaces; ++place) {
    order_->moved.emplace_back(device_.type());
  }
}

ResidualOffload::~ResidualOffload() {
  if (!order_.has_value()) return;
  // A GPU that failed says so to whoever asks it next; here it may only be
  // told.
  try {
    for (c10::Event& moved : order_->moved) moved.synchronize();
  } catch (const std::exception& error) {
    std::cerr << "residual streams on their way: " << error.what() << "\n";
  }
}

void ResidualOffload::BeforeForward(int64_t block) {
  if (block >= kResidualPlaces) WaitFor(block);
}

void ResidualOffload::AfterForward(int64_t block,
                                   const at::Tensor& residual_TD) {
  if (Stays(block)) return;
  Copy(block, residual_TD, host_TD_[block].narrow(0, 0, residual_TD.size(0)));
}

void ResidualOffload::BeforeBackward(int64_t block) {
  if (!Stays(block)) WaitFor(block);
}

void ResidualOffload::AfterBackward(int64_t block, const at::Tensor& place_TD) {
  const int64_t next = block - kResidualPlaces;
  if (next < 0) return;
  Copy(next, host_TD_[next].narrow(0, 0, place_TD.size(0)), place_TD);
}

int64_t ResidualOffload::host_bytes() const {
  int64_t bytes = 0;
  for (const at::Tensor& host : host_TD_) bytes += host.nbytes();
  return bytes;
}

c10::Stream ResidualOffload::Current() const {
  return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
}

void ResidualOffload::WaitFor(int64_t block) {
  if (order_.has_value()) Moved(block).block(Current());
}

void ResidualOffload::Copy(int64_t block, const at::Tensor& from,
                           const at::Tensor& to) {
  if (!order_.has_value()) {
    to.copy_(from);
    return;
  }
  order_->ready.record(Current());
  order_->ready.block(order_->copies);
  const c10::StreamGuard guard(order_->copies);
  to.copy_(from, /*non_blocking=*/true);
  Moved(block).record(order_->copies);
}

}  // namespace lockstep
