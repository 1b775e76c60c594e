#include "client/cli/format.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep::cli {

std::string FormatCount(double value) {
  const char* const units[] = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  // 999.95 would be shown as 1000.0.
  while (std::abs(value) >= (unit == 0 ? 999.5 : 999.95) && unit < 4) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? absl::StrFormat("%.0f", value)
                   : absl::StrFormat("%.1f%s", value, units[unit]);
}

std::string FormatBytes(int64_t bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1023.95 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B")
                   : absl::StrFormat("%.1f %s", value, units[unit]);
}

std::string FormatShortDuration(absl::Duration time) {
  const int64_t seconds = std::max<int64_t>(
      0, absl::ToInt64Seconds(time + absl::Milliseconds(500)));
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 3600) return absl::StrCat(seconds / 60, "m");
  if (seconds < 2 * 86400) {
    return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
  }
  return absl::StrCat(seconds / 86400, "d");
}

std::string FormatLearningRate(double rate) {
  if (rate == 0) return "0";
  int exponent = static_cast<int>(std::floor(std::log10(std::abs(rate))));
  double mantissa = rate / std::pow(10, exponent);
  if (std::abs(mantissa) >= 9.95) {
    mantissa /= 10;
    ++exponent;
  }
  return absl::StrFormat("%.1fe%d", mantissa, exponent);
}

std::string FormatLoss(double loss) { return absl::StrFormat("%.3f", loss); }

std::string FormatAge(const google::protobuf::Timestamp& time, absl::Time now) {
  if (time.seconds() == 0) return "-";
  return FormatShortDuration(now - absl::FromUnixSeconds(time.seconds()));
}

size_t DisplayWidth(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xc0) != 0x80; });
}

}  // namespace lockstep::cli
