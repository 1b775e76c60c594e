#ifndef LOCKSTEP_WORKER_POLL_CHANNELS_H_
#define LOCKSTEP_WORKER_POLL_CHANNELS_H_

// How often gRPC looks at a connection that comes about while no call waits for
// it. Our calls fail at once while the coordinator is away and are made again,
// so that is always so then; a look every 5 seconds, as is usual, is less than
// a TLS handshake needs within the time that an attempt to connect has, and a
// process that started while the coordinator was away never found it again.

#include <cstdlib>

namespace lockstep {

// For main, before there is a channel or a second thread.
inline void PollChannelsOften() {
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "100",
         /*overwrite=*/0);
}

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_POLL_CHANNELS_H_
