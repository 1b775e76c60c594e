#ifndef LOCKSTEP_WORKER_MODEL_PARAMETERS_H_
#define LOCKSTEP_WORKER_MODEL_PARAMETERS_H_

// What is trained: named float32 tensors that lie one after another in one
// flat buffer, and their gradients in a second one of the same layout. So
// all-reduces of ranges, one norm and one optimizer pass serve any model.
//
// The gradient buffer ends in a tail of kTailFloats, which carries the sums of
// a step (loss, token counts) to the other ranks with the gradients.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep {

struct Parameter {
  // As in the file that the weights are saved to.
  std::string name;
  std::vector<int64_t> shape;
  // Whether weight decay applies: to all but biases and norms.
  bool decays = true;
  // The stage of a backward pass (backward_stage.h) after which the gradient is
  // final, or only after the whole pass.
  static constexpr int64_t kWholePass = -1;
  int64_t final_after = kWholePass;
  // Where it begins in the flat buffer, in floats; set by Parameters.
  int64_t offset = 0;

  int64_t size() const;
};

class Parameters {
 public:
  static constexpr int64_t kTailFloats = 16;

  // Lays `parameters` out in the given order and zeroes both buffers.
  Parameters(std::vector<Parameter> parameters, at::Device device);

  const std::vector<Parameter>& list() const { return list_; }
  // Floats of all parameters, without the tail.
  int64_t size() const { return size_; }

  // Flat views.
  const at::Tensor& values() const { return values_; }
  const at::Tensor& gradients() const { return gradients_; }
  // gradients() followed by the tail.
  at::Tensor& gradients_and_tail() { return gradients_and_tail_; }
  const at::Tensor& tail() const { return tail_; }

  // Views of one parameter in its shape; the name must exist.
  at::Tensor Value(absl::string_view name) const;
  at::Tensor Gradient(absl::string_view name) const;
  // The same of any buffer that is laid out like values().
  at::Tensor ViewLike(const at::Tensor& buffer, absl::string_view name) const;
  // A view of `buffer`, laid out like values(), for one parameter.
  static at::Tensor View(const at::Tensor& buffer, const Parameter& parameter);

  // Has `read` fill each parameter's part of `buffer`, laid out like values():
  // in place on the CPU, on a GPU by way of one copy. Stops at an error.
  absl::Status Fill(
      const at::Tensor& buffer,
      absl::FunctionRef<absl::Status(const Parameter& parameter, float* out)>
          read) const;

 private:
  const Parameter& Find(absl::string_view name) const;

  std::vector<Parameter> list_;
  absl::flat_hash_map<std::string, size_t> by_name_;
  int64_t size_ = 0;
  at::Tensor values_;
  at::Tensor gradients_and_tail_;
  at::Tensor gradients_;
  at::Tensor tail_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_PARAMETERS_H_
