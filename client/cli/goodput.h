#ifndef LOCKSTEP_CLIENT_CLI_GOODPUT_H_
#define LOCKSTEP_CLIENT_CLI_GOODPUT_H_

// Where the time of a job went, as lines for people.

#include <string>
#include <vector>

#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

// "38% of the device time went to steps that count"; empty before a device was
// held.
std::string GoodputInWords(const v1::Goodput& goodput);

// Cells of a table: on what, why, for how long, how much of the whole, device
// time. Empty when nothing is known.
std::vector<std::string> GoodputHeaders();
std::vector<std::vector<std::string>> GoodputRows(const v1::Goodput& goodput);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_GOODPUT_H_
