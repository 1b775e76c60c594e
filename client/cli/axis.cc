#include "client/cli/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/str_format.h"

namespace lockstep::cli {
namespace {

constexpr double kLargestDouble = std::numeric_limits<double>::max();
// More digits than a double has.
constexpr int kMostDigits = 17;

long double Wide(double value) { return value; }

int PowerOf(long double value) {
  return static_cast<int>(std::floor(std::log10(value) + 1e-9L));
}

// To 1, 2, 3 or 5 times a power of ten.
int RoundUp(int count) {
  for (int power = 1;; power *= 10) {
    for (const int factor : {1, 2, 3, 5}) {
      if (factor * power >= count) return factor * power;
    }
  }
}

void AddTick(long double value, std::vector<double>& ticks) {
  if (std::abs(value) > kLargestDouble) return;
  const auto tick = static_cast<double>(value);
  // Two ticks between which there is no double.
  if (ticks.empty() || ticks.back() < tick) ticks.push_back(tick);
}

// All labels of an axis are written alike, with enough digits to tell
// neighbours apart.
std::string LinearLabel(double value, const std::vector<double>& ticks) {
  const long double step = ticks.size() > 1
                               ? Wide(ticks[1]) - ticks[0]
                               : std::max(std::abs(Wide(value)), 1e-9L);
  const long double largest =
      std::max(std::abs(Wide(ticks.front())), std::abs(Wide(ticks.back())));
  if (std::abs(Wide(value)) < step * 1e-6L) value = 0;
  const int step_power = PowerOf(step);
  if (largest >= 1e6L || step_power < -6) {
    const int digits = largest > 0 ? PowerOf(largest) - step_power : 1;
    return absl::StrFormat("%.*e", std::clamp(digits, 1, kMostDigits), value);
  }
  return absl::StrFormat("%.*f", std::clamp(-step_power, 0, kMostDigits),
                         value);
}

}  // namespace

ValueAxis::ValueAxis(double low, double high, bool log)
    : log_(log), low_(low), high_(high) {
  if (low_ < high_) return;
  if (log_) {
    low_ /= 2;
    high_ *= 2;
    return;
  }
  const long double margin = std::max(std::abs(low_) * 0.1L, 1e-9L);
  low_ -= margin;
  high_ += margin;
}

long double ValueAxis::Share(double value) const {
  if (!log_) return (value - low_) / (high_ - low_);
  return (std::log10(Wide(value)) - std::log10(low_)) /
         (std::log10(high_) - std::log10(low_));
}

int ValueAxis::Place(double value, int count) const {
  const auto place = static_cast<int>(std::lround(Share(value) * (count - 1)));
  return std::clamp(place, 0, count - 1);
}

std::map<int, std::string> ValueAxis::TickLabels(int count) const {
  const int most = std::max(2, count / 2);
  const std::vector<double> ticks =
      log_ ? LogTicks(low_, high_, most) : Ticks(low_, high_, most);
  const bool powers = log_ && high_ / low_ >= 10;
  std::map<int, std::string> labels;
  for (const double tick : ticks) {
    labels[Place(tick, count)] =
        powers ? absl::StrFormat("%g", tick) : LinearLabel(tick, ticks);
  }
  return labels;
}

std::vector<double> Ticks(long double low, long double high, int count) {
  std::vector<double> ticks;
  if (!(low < high)) return ticks;
  const long double rough = (high - low) / std::max(count, 1);
  const long double power = std::pow(10.0L, std::floor(std::log10(rough)));
  long double step = 10 * power;
  for (const long double factor : {1.0L, 2.0L, 5.0L}) {
    if (factor * power >= rough * (1 - 1e-9L)) {
      step = factor * power;
      break;
    }
  }
  const auto first = static_cast<int64_t>(std::ceil(low / step - 1e-9L));
  const auto last = static_cast<int64_t>(std::floor(high / step + 1e-9L));
  for (int64_t i = first; i <= last; ++i) AddTick(i * step, ticks);
  return ticks;
}

std::vector<double> LogTicks(long double low, long double high, int count) {
  if (high / low < 10) return Ticks(low, high, count);
  const int first = static_cast<int>(std::ceil(std::log10(low) - 1e-9L));
  const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9L));
  const int powers = last - first + 1;
  const int every = RoundUp((powers + count - 1) / std::max(count, 1));
  const bool between = 3 * powers <= count;
  std::vector<double> ticks;
  for (int power = first - 1; power <= last; ++power) {
    if (power % every != 0) continue;
    for (const long double factor : {1.0L, 2.0L, 5.0L}) {
      if (factor > 1 && !between) break;
      const long double value = factor * std::pow(10.0L, power);
      if (value >= low * (1 - 1e-9L) && value <= high * (1 + 1e-9L)) {
        AddTick(value, ticks);
      }
    }
  }
  return ticks;
}

}  // namespace lockstep::cli
