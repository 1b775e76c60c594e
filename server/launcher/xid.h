#ifndef LOCKSTEP_SERVER_LAUNCHER_XID_H_
#define LOCKSTEP_SERVER_LAUNCHER_XID_H_

// What an Xid error of a GPU is about, as NVIDIA's catalogue of them has it
// (docs.nvidia.com/deploy/xid-errors). Pure.

#include <cstdint>

#include "absl/strings/string_view.h"

namespace lockstep {

// One of
//   application: a program did what the GPU cannot do; the next one is fine.
//   memory: bits of the GPU's memory were wrong (ECC), or were mapped away.
//   gpu: it fell off the bus, or its firmware does not answer.
//   nvlink: the link to another GPU.
//   unknown: whatever is not listed here.
absl::string_view XidClass(uint64_t xid);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_LAUNCHER_XID_H_
