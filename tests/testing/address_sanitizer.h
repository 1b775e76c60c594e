#ifndef LOCKSTEP_TESTS_TESTING_ADDRESS_SANITIZER_H_
#define LOCKSTEP_TESTS_TESTING_ADDRESS_SANITIZER_H_

// For tests that measure or limit memory: AddressSanitizer keeps freed memory
// back, puts gaps between allocations, and ends a program that gets none.

namespace lockstep::testing {

#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_ADDRESS_SANITIZER_H_
