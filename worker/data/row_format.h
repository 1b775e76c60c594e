#ifndef LOCKSTEP_WORKER_DATA_ROW_FORMAT_H_
#define LOCKSTEP_WORKER_DATA_ROW_FORMAT_H_

// What kind of rows a file holds, told from their keys (format: auto).

#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/job.pb.h"
#include "nlohmann/json.hpp"
#include "worker/data/dataset.h"

namespace lockstep {

// INVALID_ARGUMENT: the keys fit no format, more than one, or one that is
// known and not built; the message names the keys.
absl::StatusOr<v1::DataSource::Format> FormatOfRow(
    const nlohmann::ordered_json& row);

// Looks at the first 100 rows. INVALID_ARGUMENT: rows of different formats
// (both are shown), or no row at all; otherwise DatasetReader's errors.
absl::StatusOr<v1::DataSource::Format> DetectFormat(const std::string& path,
                                                    const ColumnMap& columns);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_ROW_FORMAT_H_
