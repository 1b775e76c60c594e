#include "client/cli/gpu_bars.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/format.h"
#include "client/cli/progress.h"

namespace lockstep::cli {
namespace {

constexpr int kLoadCells = 5;
constexpr size_t kBarWidth = 39;  // Of one GPU; two of them in 80 columns.
constexpr size_t kBarGap = 2;

// A number that a broken driver may have sent.
double Sane(double value, double most) {
  return std::isfinite(value) ? std::clamp(value, 0.0, most) : 0;
}

// "gpu3  ▕███▌ ▏  69%   41/80G  412W  64°C", which keeps its columns.
std::string GpuBar(const v1::Device& device, int index, bool unicode) {
  constexpr double kGibibyte = 1 << 30;
  const v1::DeviceLoad& load = device.load();
  const double share = Sane(load.utilization_ratio(), 1);
  return absl::StrFormat(
      "%-6s%s%4.0f%% %8s%5.0fW%4.0f%s", absl::StrCat("gpu", index),
      FormatBar(share, kLoadCells, unicode), share * 100,
      absl::StrFormat("%.0f/%.0fG",
                      static_cast<double>(load.memory_used_bytes()) / kGibibyte,
                      static_cast<double>(device.memory_bytes()) / kGibibyte),
      Sane(load.power_watts(), 9999), Sane(load.temperature_celsius(), 999),
      unicode ? "°C" : "C");
}

}  // namespace

std::vector<std::string> GpuBarLines(const std::vector<v1::Node>& nodes,
                                     int width, int most, bool unicode) {
  std::vector<std::string> bars;
  int index = 0;
  for (const v1::Node& node : nodes) {
    for (const v1::Device& device : node.devices()) {
      if (device.kind() != v1::Device::CUDA) continue;
      if (device.has_load()) bars.push_back(GpuBar(device, index, unicode));
      ++index;
    }
  }
  const size_t columns =
      std::max<size_t>(1, (static_cast<size_t>(std::max(width, 0)) + kBarGap) /
                              (kBarWidth + kBarGap));
  const size_t lines = (bars.size() + columns - 1) / columns;
  const auto room = static_cast<size_t>(std::max(most, 0));
  const size_t shown = lines <= room ? lines : std::max<size_t>(room, 1) - 1;
  std::vector<std::string> text;
  for (size_t line = 0; line < shown; ++line) {
    std::string joined;
    for (size_t i = line * columns;
         i < std::min((line + 1) * columns, bars.size()); ++i) {
      if (!joined.empty()) {
        joined.resize(joined.size() + kBarGap, ' ');
      }
      joined += bars[i];
    }
    text.push_back(joined);
  }
  if (shown < lines && room > 0) {
    text.push_back(absl::StrCat("and ", bars.size() - shown * columns,
                                " more GPUs: lockstep nodes list"));
  }
  return text;
}

}  // namespace lockstep::cli
