#ifndef LOCKSTEP_CLIENT_CLI_GPU_BARS_H_
#define LOCKSTEP_CLIENT_CLI_GPU_BARS_H_

// What the GPUs are doing, for `lockstep top`: a bar of each one's utilization,
// and its memory, power and temperature.

#include <string>
#include <vector>

#include "lockstep/v1/cluster_service.pb.h"

namespace lockstep::cli {

// Lines of at most `width` columns, in the order of the nodes, as many GPUs a
// line as there is room for. GPUs of which nothing is known have no bar. Of
// more than `most` lines the last says how many GPUs are left out.
std::vector<std::string> GpuBarLines(const std::vector<v1::Node>& nodes,
                                     int width, int most, bool unicode);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_GPU_BARS_H_
