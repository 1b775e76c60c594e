#ifndef LOCKSTEP_WORKER_PREPARE_PREPARE_LIMITS_H_
#define LOCKSTEP_WORKER_PREPARE_PREPARE_LIMITS_H_

// How much of the machine the reading of a job's input may take. The files come
// from outside, and there are more ways to make a parser run or grow than any
// parser guards against; the kernel's limits hold for all of them.

#include <cstdint>

#include "absl/status/status.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {

struct PrepareLimits {
  // Memory beyond what the process has when the limits are set.
  int64_t memory_bytes = 0;
  // Processor time of all threads.
  int64_t cpu_seconds = 0;
  // Of each file that is written: the token cache is the largest.
  int64_t file_bytes = 0;
};

// Limits that no honest input of this size comes near: a constant, and a
// multiple of the bytes of data, tokenizer and weights. What cannot be looked
// at counts as empty; reading it fails soon enough.
PrepareLimits LimitsFor(const v1::JobSpec& spec);

// Sets them, and those that depend on no job (no core file, open files), on
// this process for good.
absl::Status ApplyLimits(const PrepareLimits& limits);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_PREPARE_LIMITS_H_
