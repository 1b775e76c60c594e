#ifndef LOCKSTEP_WORKER_IO_TENSORBOARD_EVENT_H_
#define LOCKSTEP_WORKER_IO_TENSORBOARD_EVENT_H_

// The bytes of TensorBoard's event files: tensorflow.Event messages, encoded by
// hand, and the checksummed records around them. Pure functions.

#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

namespace lockstep {

// A setting of a run, to compare runs by.
using HParam = std::variant<bool, double, std::string>;

// The first event of every file.
std::string FileVersionEvent(double wall_time);
// Tells that what an earlier file says of steps >= `step` no longer counts.
std::string SessionStartEvent(double wall_time, int64_t step);
std::string ScalarsEvent(double wall_time, int64_t step,
                         const std::map<std::string, double>& values);
// Markdown under the text plugin.
std::string TextEvent(double wall_time, int64_t step, absl::string_view tag,
                      absl::string_view text);

// Under the hparams plugin: the settings of a run that begins, and that it came
// to its end. TensorBoard takes the metrics beside them from the scalars.
std::string HParamsEvent(double wall_time,
                         const std::map<std::string, HParam>& hparams);
std::string HParamsEndEvent(double wall_time);

// length, masked CRC-32C of the length, data, masked CRC-32C of the data.
std::string EventRecord(absl::string_view event);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_IO_TENSORBOARD_EVENT_H_
