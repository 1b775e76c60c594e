#ifndef LOCKSTEP_WORKER_PREPARE_FIELD_H_
#define LOCKSTEP_WORKER_PREPARE_FIELD_H_

// Which field of the spec an error is about.

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace lockstep {

// "model.path: /m/config.json: cannot open: ...", with the same code.
inline absl::Status InField(absl::string_view field,
                            const absl::Status& status) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(field, ": ", status.message())};
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_PREPARE_FIELD_H_
