#include "client/cli/goodput.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/cli/format.h"
#include "google/protobuf/util/time_util.h"

namespace lockstep::cli {
namespace {

absl::Duration WallOf(const v1::Goodput::Share& share) {
  return absl::Nanoseconds(
      google::protobuf::util::TimeUtil::DurationToNanoseconds(share.wall()));
}

std::string Percent(double share) {
  return absl::StrFormat("%.1f%%", 100 * share);
}

// A checkpoint takes less than a second.
std::string Precise(absl::Duration time) {
  return time < absl::Minutes(1)
             ? absl::StrFormat("%.1fs", absl::ToDoubleSeconds(time))
             : FormatShortDuration(time);
}

}  // namespace

std::string GoodputInWords(const v1::Goodput& goodput) {
  for (const v1::Goodput::Share& share : goodput.shares()) {
    if (share.device_seconds() <= 0) continue;
    return absl::StrCat(Percent(goodput.ratio()),
                        " of the device time went to steps that count");
  }
  return "";
}

std::vector<std::string> GoodputHeaders() {
  return {"SPENT ON", "CAUSE", "WALL", "SHARE", "DEVICE TIME"};
}

std::vector<std::vector<std::string>> GoodputRows(const v1::Goodput& goodput) {
  absl::Duration all;
  for (const v1::Goodput::Share& share : goodput.shares()) all += WallOf(share);
  std::vector<std::vector<std::string>> rows;
  for (const v1::Goodput::Share& share : goodput.shares()) {
    const absl::Duration wall = WallOf(share);
    if (wall <= absl::ZeroDuration()) continue;
    rows.push_back({v1::Goodput::Class_Name(share.class_()), share.cause(),
                    Precise(wall), Percent(absl::FDivDuration(wall, all)),
                    share.device_seconds() > 0
                        ? Precise(absl::Seconds(share.device_seconds()))
                        : ""});
  }
  return rows;
}

}  // namespace lockstep::cli
