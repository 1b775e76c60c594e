#ifndef LOCKSTEP_TESTS_BENCHMARKS_LOAD_SCENARIOS_H_
#define LOCKSTEP_TESTS_BENCHMARKS_LOAD_SCENARIOS_H_

// What is measured, one function a table. Each prints its lines, with the floor
// that the same machine gives at the same time beside them.

#include "tests/benchmarks/load/daemon.h"

namespace lockstep::load {

// Appends of 4 KiB that are on the disk of `folder`, a second.
double FsyncRate(const std::string& folder);

// Durable CreateJob at 1 to 256 clients; leaves `jobs` of them.
void MeasureSubmit(const Daemon& daemon, int64_t jobs);
// Pages and filters of a list of all of them.
void MeasureLists(const Daemon& daemon);
// From SIGKILL to the first answer.
void MeasureRestart(Daemon& daemon);
// 1,000 streams of one job's changes.
void MeasureWatchers(const Daemon& daemon);
// Points that are stored and acknowledged.
void MeasureMetrics();
// Processor time of a coordinator whose 100 jobs only train.
void MeasureIdle();

// What one scrape brings of 1,000 jobs that train, and what it costs. False
// when it is more than the design allows.
bool MeasureScrapes();

// From CreateJob to the first step of a job whose input is prepared, beside a
// process that only loads LibTorch. False when it takes longer than the design
// allows.
bool MeasureFirstStep();

}  // namespace lockstep::load

#endif  // LOCKSTEP_TESTS_BENCHMARKS_LOAD_SCENARIOS_H_
