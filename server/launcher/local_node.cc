#include "server/launcher/local_node.h"

#include <unistd.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace lockstep {

std::string HostName() {
  // HOST_NAME_MAX is 64; a zero at the end is not promised.
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
    return "localhost";
  }
  return name.data();
}

v1::Node LocalNode(const std::string& host_name, int cpu_slots,
                   const std::vector<Gpu>& gpus) {
  v1::Node node;
  node.set_name(absl::StrCat("nodes/", host_name));
  for (int slot = 0; slot < cpu_slots; ++slot) {
    v1::Device& device = *node.add_devices();
    device.set_id(absl::StrCat("cpu:", slot));
    device.set_kind(v1::Device::CPU);
    device.set_model("CPU slot");
  }
  for (const Gpu& gpu : gpus) {
    v1::Device& device = *node.add_devices();
    device.set_id(gpu.uuid);
    device.set_kind(v1::Device::CUDA);
    device.set_model(gpu.name);
    device.set_memory_bytes(gpu.memory_bytes);
  }
  return node;
}

}  // namespace lockstep
