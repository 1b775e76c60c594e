// What AddressSanitizer and UBSan do in every program of a build with
// LOCKSTEP_SANITIZE=address: the first finding ends the program.

extern "C" const char* __asan_default_options() {
  return "abort_on_error=1:detect_leaks=1:detect_stack_use_after_return=1:"
         "check_initialization_order=1:strict_init_order=1:"
         "strict_string_checks=1";
}

extern "C" const char* __ubsan_default_options() {
  return "print_stacktrace=1";
}

// A chat template can make a namespace hold itself, and minijinja counts
// references. Prepare renders in a child that ends. And c-ares, by which gRPC
// looks names up, keeps ten bytes of a name that it was asked for.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:minijinja*functions*builtins*namespace\n"
         "leak:libcares.so\n";
}
