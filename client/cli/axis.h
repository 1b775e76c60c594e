#ifndef LOCKSTEP_CLIENT_CLI_AXIS_H_
#define LOCKSTEP_CLIENT_CLI_AXIS_H_

// The axis of values: where a value lies on it, which round values are ticks,
// and how those are written. All in long double, so that the distance of two
// doubles is a number too: 1e308 and -1e308 are 2e308 apart.

#include <map>
#include <string>
#include <vector>

namespace lockstep::cli {

class ValueAxis {
 public:
  // From `low` to `high`, both finite; with `log` both above 0. When they are
  // the same it reaches a little beyond, so that the value is in the middle.
  ValueAxis(double low, double high, bool log);

  // Which of `count` places, 0 the lowest, a value between low and high has.
  int Place(double value, int count) const;

  // Place of `count` -> the label of the tick in it.
  std::map<int, std::string> TickLabels(int count) const;

 private:
  // Where a value lies: 0 is low, 1 is high.
  long double Share(double value) const;

  const bool log_;
  long double low_;
  long double high_;
};

// Round values (1, 2 or 5 times a power of ten apart) inside [low, high] that
// cut it into at most `count` pieces. Rising; none twice.
std::vector<double> Ticks(long double low, long double high, int count);

// Powers of ten inside [low, high], equally far apart and 1 among them, and
// twice and five times those if there is room; as Ticks where less than one
// power of ten is to be seen.
std::vector<double> LogTicks(long double low, long double high, int count);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_AXIS_H_
