#include "worker/model/parameters.h"

#include <ATen/ATen.h>

#include <utility>

#include "proto/contract/check.h"
#include "proto/contract/status_macros.h"

namespace lockstep {

int64_t Parameter::size() const {
  int64_t elements = 1;
  for (int64_t length : shape) elements *= length;
  return elements;
}

Parameters::Parameters(std::vector<Parameter> parameters, at::Device device)
    : list_(std::move(parameters)) {
  for (size_t i = 0; i < list_.size(); ++i) {
    list_[i].offset = size_;
    size_ += list_[i].size();
    LOCKSTEP_CHECK(by_name_.emplace(list_[i].name, i).second);
  }
  const auto options = at::TensorOptions(at::kFloat).device(device);
  values_ = at::zeros({size_}, options);
  gradients_and_tail_ = at::zeros({size_ + kTailFloats}, options);
  gradients_ = gradients_and_tail_.narrow(0, 0, size_);
  tail_ = gradients_and_tail_.narrow(0, size_, kTailFloats);
}

const Parameter& Parameters::Find(absl::string_view name) const {
  auto found = by_name_.find(name);
  LOCKSTEP_CHECK(found != by_name_.end());
  return list_[found->second];
}

at::Tensor Parameters::View(const at::Tensor& buffer,
                            const Parameter& parameter) {
  return buffer.narrow(0, parameter.offset, parameter.size())
      .view(parameter.shape);
}

absl::Status Parameters::Fill(
    const at::Tensor& buffer,
    absl::FunctionRef<absl::Status(const Parameter& parameter, float* out)>
        read) const {
  const at::Tensor host = buffer.cpu();
  for (const Parameter& parameter : list_) {
    RETURN_IF_ERROR(read(parameter, host.data_ptr<float>() + parameter.offset));
  }
  if (!host.is_same(buffer)) buffer.copy_(host);
  return absl::OkStatus();
}

at::Tensor Parameters::ViewLike(const at::Tensor& buffer,
                                absl::string_view name) const {
  return View(buffer, Find(name));
}

at::Tensor Parameters::Value(absl::string_view name) const {
  return View(values_, Find(name));
}

at::Tensor Parameters::Gradient(absl::string_view name) const {
  return View(gradients_, Find(name));
}

}  // namespace lockstep
