#ifndef LOCKSTEP_TESTS_TESTING_HTTP_GET_H_
#define LOCKSTEP_TESTS_TESTING_HTTP_GET_H_

// What a scraper gets, without a library.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/numbers.h"

namespace lockstep::testing {

// A connection to the HTTP server of http://127.0.0.1:PORT/metrics.
class ConnectedClient {
 public:
  // `buffer_bytes` is how much it takes without reading; 0: what is usual.
  explicit ConnectedClient(const std::string& url, int buffer_bytes = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (buffer_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer_bytes,
                 sizeof(buffer_bytes));
    }
    const size_t port_at = url.rfind(':') + 1;
    const std::string port_text = url.substr(port_at, url.rfind('/') - port_at);
    int port = 0;
    if (!absl::SimpleAtoi(port_text, &port)) return;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address),
                         sizeof(address)) == 0;
  }
  ~ConnectedClient() { close(fd_); }
  ConnectedClient(const ConnectedClient&) = delete;
  ConnectedClient& operator=(const ConnectedClient&) = delete;

  // Sends the request; false when nobody is there.
  bool Ask() const {
    const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
    return connected_ && write(fd_, request.data(), request.size()) ==
                             static_cast<ssize_t>(request.size());
  }

  // All that comes, until the server closes.
  std::string Read() const {
    std::string response;
    char buffer[1 << 16];
    ssize_t got = 0;
    while ((got = read(fd_, buffer, sizeof(buffer))) > 0) {
      response.append(buffer, got);
    }
    return response;
  }

 private:
  const int fd_;
  bool connected_ = false;
};

// The answer, headers and all; empty when nobody answers there.
inline std::string HttpGet(const std::string& url) {
  const ConnectedClient client(url);
  return client.Ask() ? client.Read() : "";
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_HTTP_GET_H_
