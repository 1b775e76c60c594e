#ifndef LOCKSTEP_KERNELS_STATUS_H_
#define LOCKSTEP_KERNELS_STATUS_H_

// Kernels include no other folder, so they have a RETURN_IF_ERROR of their own.

#include "absl/status/status.h"

#define LOCKSTEP_KERNEL_RETURN_IF_ERROR(expr)                       \
  do {                                                              \
    if (absl::Status kernel_status = (expr); !kernel_status.ok()) { \
      return kernel_status;                                         \
    }                                                               \
  } while (false)

#endif  // LOCKSTEP_KERNELS_STATUS_H_
