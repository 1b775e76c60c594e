#include "worker/supervise/visible_device.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lockstep {

absl::StatusOr<std::string> VisibleDevice(
    const std::string& device,
    const std::function<std::string(const char* name)>& environment) {
  if (absl::StartsWith(device, "GPU-") || absl::StartsWith(device, "MIG-")) {
    return device;
  }
  absl::string_view number = device;
  int index = 0;
  if (!absl::ConsumePrefix(&number, "cuda:") ||
      !absl::SimpleAtoi(number, &index) || index < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--device ", device, ": neither cpu:N, cuda:N nor the UUID of a GPU"));
  }
  const std::string set = environment("CUDA_VISIBLE_DEVICES");
  if (set.empty()) return absl::StrCat(index);
  const std::vector<std::string> visible = absl::StrSplit(set, ',');
  if (index >= static_cast<int>(visible.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("--device ", device, ": CUDA_VISIBLE_DEVICES is ", set,
                     ", which are ", visible.size(), " GPUs"));
  }
  return visible[index];
}

}  // namespace lockstep
