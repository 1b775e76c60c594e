// What ThreadSanitizer does in every program of a build with
// LOCKSTEP_SANITIZE=thread: the first finding ends the program.

extern "C" const char* __tsan_default_options() {
  return "halt_on_error=1:second_deadlock_stack=1";
}
