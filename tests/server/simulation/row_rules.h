#ifndef LOCKSTEP_TESTS_SERVER_SIMULATION_ROW_RULES_H_
#define LOCKSTEP_TESTS_SERVER_SIMULATION_ROW_RULES_H_

// What one write may make of a row, whatever the reason: ends are final,
// attempts follow each other, states change along the table of transitions.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lockstep/v1/job.pb.h"
#include "server/store/record.pb.h"

namespace lockstep::testing {

// What the newest attempt holds: devices, or the slots of an engine.
std::vector<std::string> DevicesOf(const server::JobRecord& record);

// Whether an event of this type of this job is among them.
bool Tells(const std::vector<v1::Event>& events, const std::string& job,
           absl::string_view type);

// What is wrong with the change from `old` (null: there was none) to `next`,
// that came with these events; empty when nothing is.
std::string RowViolation(const server::JobRecord* old,
                         const server::JobRecord& next,
                         const std::vector<v1::Event>& events);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SERVER_SIMULATION_ROW_RULES_H_
