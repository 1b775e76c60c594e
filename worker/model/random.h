#ifndef LOCKSTEP_WORKER_MODEL_RANDOM_H_
#define LOCKSTEP_WORKER_MODEL_RANDOM_H_

// Random numbers as a function of a seed and a position: no state, so the same
// on every rank, in every run and after every resume.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lockstep {

// The finaliser of SplitMix64 (Steele et al., 2014) over both words.
inline uint64_t Mix(uint64_t seed, uint64_t position) {
  uint64_t x = seed * 0xd1342543de82ef95u + position + 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Contiguous float32 `tensor`, uniform in [low, high).
void FillUniform(uint64_t seed, double low, double high, at::Tensor& tensor);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_MODEL_RANDOM_H_
