#ifndef LOCKSTEP_WORKER_TRAIN_WEIGHT_UPLOAD_H_
#define LOCKSTEP_WORKER_TRAIN_WEIGHT_UPLOAD_H_

// From a model's files to a device as they are: the bytes go over in blocks,
// through two buffers, so that a block is read while the one before it is on
// its way, and it is the device that converts. A float32 copy on the host, and
// a conversion by one core, would take five times as long.
//
// Used by one thread.

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/io/weight_map.h"

namespace lockstep {

class WeightUpload {
 public:
  // `source` outlives it.
  WeightUpload(const WeightSource& source, c10::Device device);
  // Waits for what is on its way.
  ~WeightUpload();
  WeightUpload(const WeightUpload&) = delete;
  WeightUpload& operator=(const WeightUpload&) = delete;

  // Fills `out`, whose rows may be part of wider ones, from the tensor of that
  // name; as ModelWeights' TensorPlacer. The device may not be done when it
  // returns, but what is asked of it next comes after. NOT_FOUND,
  // INVALID_ARGUMENT (another shape, or neither F32, BF16 nor F16), DATA_LOSS.
  absl::Status Place(const std::string& name, const at::Tensor& out);

 private:
  // One block of bytes on the host.
  struct Block {
    at::Tensor bytes;
    c10::Event sent;
  };

  void MakeBlocks();
  absl::Status Send(const SafetensorsFile& file, const TensorInfo& tensor,
                    int64_t row, at::ScalarType type, const at::Tensor& out);

  const WeightSource& source_;
  const c10::Device device_;
  std::vector<Block> blocks_;
  size_t next_ = 0;
};

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_WEIGHT_UPLOAD_H_
