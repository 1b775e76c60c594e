#ifndef LOCKSTEP_WORKER_COMM_NCCL_MEMORY_H_
#define LOCKSTEP_WORKER_COMM_NCCL_MEMORY_H_

// What NCCL takes of a rank's GPU: an estimate, for those who plan its memory.
// Most of it is taken at the first collective, after the plan was made.

#include <algorithm>
#include <cstdint>

namespace lockstep {

// Buffers of one connection in one channel, as NCCL 2.28 defines them
// (DEFAULT_BUFFSIZE, NCCL_LL128_BUFF_SIZE and NCCL_LL_BUFF_SIZE): one for each
// of its protocols, Simple, LL128 and LL.
inline constexpr int64_t kNcclConnectionBytes =
    (int64_t{4} << 20) + 120 * 640 * 8 * 8 + (int64_t{512} << 10);
// Channels of a collective. NCCL takes 8 to 32 inside a host, by its links.
inline constexpr int64_t kNcclChannels = 32;
// Its kernels, queues and what it notes about the group: not published, and
// chosen on the large side.
inline constexpr int64_t kNcclBaseBytes = int64_t{128} << 20;

// Of a group of `ranks` on one host. A rank hears from its neighbours in a ring
// or a chain: two, or the one that there is.
constexpr int64_t EstimateNcclBytes(int ranks) {
  if (ranks < 2) return 0;
  return kNcclBaseBytes +
         std::min(ranks - 1, 2) * kNcclChannels * kNcclConnectionBytes;
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_COMM_NCCL_MEMORY_H_
