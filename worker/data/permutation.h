#ifndef LOCKSTEP_WORKER_DATA_PERMUTATION_H_
#define LOCKSTEP_WORKER_DATA_PERMUTATION_H_

// Orders that are a function of (seed, epoch, stream) and of nothing else, so
// that a resumed run need not store a generator's state and every machine
// draws the same. SplitMix64 (Steele, Lea, Flood 2014) feeds a Fisher-Yates
// shuffle; numbers below a bound are drawn by multiplication and rejection
// (Lemire, arXiv:1805.10941), without bias. std::shuffle is not used: the
// standard leaves its order to the library.

#include <cstdint>
#include <vector>

namespace lockstep {

// Keeps orders that serve different ends apart.
enum class PermutationStream : uint64_t {
  kDocuments = 1,
  kBins = 2,
  kEvalSplit = 3,
};

// The numbers 0 .. size - 1 in the order of (seed, epoch, stream).
std::vector<int64_t> Permutation(int64_t size, uint64_t seed, int64_t epoch,
                                 PermutationStream stream);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_PERMUTATION_H_
