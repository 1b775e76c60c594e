#include "server/launcher/xid.h"

namespace lockstep {

absl::string_view XidClass(uint64_t xid) {
  switch (xid) {
    case 13:  // Graphics engine exception.
    case 31:  // Memory page fault.
    case 43:  // The GPU stopped processing.
    case 45:  // Preemptive cleanup, after another error.
      return "application";
    case 48:  // Double-bit ECC error.
    case 63:  // A page was retired, or a row remapped.
    case 64:  // That could not be recorded.
    case 92:  // Many single-bit ECC errors.
    case 94:  // Contained ECC error.
    case 95:  // Uncontained ECC error.
      return "memory";
    case 62:   // Internal micro-controller halt.
    case 79:   // The GPU has fallen off the bus.
    case 119:  // The firmware (GSP) does not answer.
    case 120:  // Error of the firmware.
      return "gpu";
    case 74:  // NVLink error.
      return "nvlink";
    default:
      return "unknown";
  }
}

}  // namespace lockstep
