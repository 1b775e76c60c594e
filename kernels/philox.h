#ifndef LOCKSTEP_KERNELS_PHILOX_H_
#define LOCKSTEP_KERNELS_PHILOX_H_

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC'11): four random words as a pure function of a counter and a key.

#include <array>
#include <cstdint>

namespace lockstep {

// `counter` is (low, high) halves of two 64-bit numbers, as is the key.
constexpr std::array<uint32_t, 4> Philox4x32(uint64_t counter_low,
                                             uint64_t counter_high,
                                             uint64_t key) {
  std::array<uint32_t, 4> c = {static_cast<uint32_t>(counter_low),
                               static_cast<uint32_t>(counter_low >> 32),
                               static_cast<uint32_t>(counter_high),
                               static_cast<uint32_t>(counter_high >> 32)};
  auto k0 = static_cast<uint32_t>(key);
  auto k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ k0,
         static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ k1,
         static_cast<uint32_t>(product0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

}  // namespace lockstep

#endif  // LOCKSTEP_KERNELS_PHILOX_H_
