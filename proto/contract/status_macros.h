#ifndef LOCKSTEP_PROTO_CONTRACT_STATUS_MACROS_H_
#define LOCKSTEP_PROTO_CONTRACT_STATUS_MACROS_H_

// RETURN_IF_ERROR and ASSIGN_OR_RETURN, which this Abseil does not ship.
//
//   RETURN_IF_ERROR(store.Insert(job));
//   ASSIGN_OR_RETURN(Job job, store.Get(name));

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define LOCKSTEP_MACRO_CONCAT_INNER(x, y) x##y
#define LOCKSTEP_MACRO_CONCAT(x, y) LOCKSTEP_MACRO_CONCAT_INNER(x, y)

#define RETURN_IF_ERROR(expr)                                           \
  do {                                                                  \
    if (absl::Status lockstep_status = (expr); !lockstep_status.ok()) { \
      return lockstep_status;                                           \
    }                                                                   \
  } while (false)

#define ASSIGN_OR_RETURN(decl, expr) \
  LOCKSTEP_ASSIGN_OR_RETURN(         \
      LOCKSTEP_MACRO_CONCAT(lockstep_statusor_, __LINE__), decl, expr)

#define LOCKSTEP_ASSIGN_OR_RETURN(statusor, decl, expr)    \
  auto statusor = (expr);                                  \
  if (!statusor.ok()) return std::move(statusor).status(); \
  decl = *std::move(statusor)

#endif  // LOCKSTEP_PROTO_CONTRACT_STATUS_MACROS_H_
