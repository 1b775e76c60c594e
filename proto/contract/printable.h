#ifndef LOCKSTEP_PROTO_CONTRACT_PRINTABLE_H_
#define LOCKSTEP_PROTO_CONTRACT_PRINTABLE_H_

// Text that quotes a file from outside, made fit for messages: protocol buffers
// carry UTF-8 only, and a terminal obeys what a file may hold.

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace lockstep {

// `text` as valid UTF-8 of at most about `most_bytes`. Bytes that are not UTF-8
// become \xNN; characters that move the cursor, end the line or turn the
// direction of writing become \uNNNN; what is too long ends in "...".
std::string Printable(absl::string_view text, size_t most_bytes = 4096);

}  // namespace lockstep

#endif  // LOCKSTEP_PROTO_CONTRACT_PRINTABLE_H_
