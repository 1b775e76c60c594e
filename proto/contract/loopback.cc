#include "proto/contract/loopback.h"

#include <arpa/inet.h>

#include <string>

namespace lockstep {

bool IsLoopback(absl::string_view host) {
  in_addr address;
  return host == "localhost" || host == "[::1]" ||
         (inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 &&
          ntohl(address.s_addr) >> 24 == 127);
}

}  // namespace lockstep
