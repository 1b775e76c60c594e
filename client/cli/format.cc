#include "client/cli/format.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep::cli {
namespace {

bool BeginsCharacter(char byte) { return (byte & 0xc0) != 0x80; }

// Where the character that stands in the column begins; the end when there is
// none.
size_t OffsetOf(absl::string_view text, size_t column) {
  size_t offset = 0;
  for (; offset < text.size(); ++offset) {
    if (BeginsCharacter(text[offset]) && column-- == 0) return offset;
  }
  return offset;
}

}  // namespace

std::string FormatCount(double value) {
  if (!std::isfinite(value)) return absl::StrFormat("%.0f", value);
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

std::string FormatPercent(double share) {
  constexpr double kWhole = 100;
  return absl::StrFormat("%.0f%%", share * kWhole);
}

std::string FormatLearningRate(double rate) {
  if (rate == 0) return "0";
  if (!std::isfinite(rate)) return absl::StrFormat("%.0f", rate);
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
  return std::count_if(text.begin(), text.end(), BeginsCharacter);
}

std::string ShortenEnd(absl::string_view text, size_t width, bool unicode) {
  if (DisplayWidth(text) <= width) return std::string(text);
  return absl::StrCat(text.substr(0, OffsetOf(text, width - 1)),
                      unicode ? "…" : "~");
}

std::string ShortenFront(absl::string_view text, size_t width, bool unicode) {
  const size_t whole = DisplayWidth(text);
  if (whole <= width) return std::string(text);
  return absl::StrCat(unicode ? "…" : "~",
                      text.substr(OffsetOf(text, whole - width + 1)));
}

std::string WrapLine(absl::string_view text, size_t width, size_t indent) {
  std::string lines;
  const std::string margin(std::min(indent, width - 1), ' ');
  size_t room = width;
  while (DisplayWidth(text) > room) {
    const size_t end = OffsetOf(text, room);
    const size_t space = text.rfind(' ', end);
    const bool has_words = space != absl::string_view::npos && space > 0;
    const size_t cut = has_words ? space : end;
    absl::StrAppend(&lines, text.substr(0, cut), "\n", margin);
    text.remove_prefix(has_words ? cut + 1 : cut);
    room = width - margin.size();
  }
  return absl::StrCat(lines, text);
}

}  // namespace lockstep::cli
