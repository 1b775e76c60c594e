#ifndef LOCKSTEP_TESTS_TESTING_REFUSE_CONNECTIONS_H_
#define LOCKSTEP_TESTS_TESTING_REFUSE_CONNECTIONS_H_

// A port of this host that hangs up on whoever connects.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "gtest/gtest.h"

namespace lockstep::testing {

// A listener there; -1 fails the test.
inline int ListenOn(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
          0 &&
      listen(listener, 1) == 0) {
    return listener;
  }
  ADD_FAILURE() << "port " << port << " cannot be taken again";
  close(listener);
  return -1;
}

// Waits until somebody has connected so many times, and closes it. Several, and
// clients of gRPC make pauses in between.
inline void RefuseConnections(int listener, int times) {
  if (listener < 0) return;
  for (int i = 0; i < times; ++i) close(accept(listener, nullptr, nullptr));
  close(listener);
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_REFUSE_CONNECTIONS_H_
