// What ThreadSanitizer does in every program of a build with
// LOCKSTEP_SANITIZE=thread: the first finding ends the program.

#include <cstdlib>

extern "C" const char* __tsan_default_options() {
  return "halt_on_error=1:second_deadlock_stack=1";
}

namespace {

// The Rust library is not instrumented and orders its threads by atomics of its
// own, as gRPC does: now and then that looked like a race. So it has none.
[[gnu::constructor]] void KeepTokenizersToOneThread() {
  setenv("TOKENIZERS_PARALLELISM", "false", /*overwrite=*/1);
}

}  // namespace
