#ifndef LOCKSTEP_WORKER_DATA_PACKING_H_
#define LOCKSTEP_WORKER_DATA_PACKING_H_

// Which documents share a sequence. A pure function: the same lengths and
// order give the same bins on every rank, whatever the world size.

#include <cstdint>
#include <vector>

#include "lockstep/v1/job.pb.h"

namespace lockstep {

// Documents of one sequence, in the order they are laid out.
struct Bin {
  std::vector<int64_t> documents;
  int64_t tokens = 0;
};

// PACKING_NONE: a bin a document, in `order`. PACKING_BFD: best-fit decreasing
// (arXiv:2404.10830): the longest documents first, equal lengths in `order`,
// each into the fullest bin that still has room; documents of a bin, and bins
// by their first document, are then put back into `order`. No document is cut.
//
// `order` is a permutation of the indexes of `lengths`, none of which exceeds
// max_length when packing. How many bins there are does not depend on `order`.
std::vector<Bin> PackDocuments(const std::vector<int64_t>& lengths,
                               v1::DataSpec::Packing packing,
                               int64_t max_length,
                               const std::vector<int64_t>& order);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_DATA_PACKING_H_
