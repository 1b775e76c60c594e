#include "server/metrics/metrics_exposer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "prometheus/exposer.h"

namespace lockstep {
namespace {

// prometheus-cpp's HTTP server wants numbers.
constexpr char kLoopback[] = "127.0.0.1";
constexpr size_t kThreads = 2;
constexpr absl::Duration kKnockInterval = absl::Milliseconds(10);

// A connection that says nothing.
void Knock(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Refused once the server is gone, which is as good.
  std::ignore =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  close(fd);
}

absl::StatusOr<int> PortOf(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics address \"", address, "\" is not host:port"));
  }
  const absl::string_view host = address.substr(0, colon);
  if (host != kLoopback && host != "localhost") {
    return absl::InvalidArgumentError(absl::StrCat(
        "metrics address \"", address,
        "\" is not on loopback; use 127.0.0.1:PORT, and a proxy to publish "
        "it"));
  }
  return port;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsExposer>> MetricsExposer::Start(
    absl::string_view address, Collectables collectables) {
  const absl::StatusOr<int> port = PortOf(address);
  if (!port.ok()) return port.status();
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(
        absl::StrCat(kLoopback, ":", *port), kThreads);
    for (const auto& collectable : collectables) {
      exposer->RegisterCollectable(collectable);
    }
    const std::vector<int> ports = exposer->GetListeningPorts();
    const int real_port = ports.empty() ? *port : ports.front();
    return std::unique_ptr<MetricsExposer>(new MetricsExposer(
        std::move(exposer), std::move(collectables), real_port));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("metrics address \"", address,
                     "\" cannot be listened on (is it taken? "
                     "choose another, port 0 for a free one, or off): ",
                     error.what()));
  }
}

MetricsExposer::MetricsExposer(std::unique_ptr<prometheus::Exposer> exposer,
                               Collectables collectables, int port)
    : collectables_(std::move(collectables)),
      exposer_(std::move(exposer)),
      port_(port),
      url_(absl::StrCat("http://", kLoopback, ":", port, "/metrics")) {}

// Its HTTP server looks every two seconds whether it shall stop, and whenever
// somebody connects.
MetricsExposer::~MetricsExposer() {
  std::atomic<bool> stopped = false;
  std::thread knocker([&] {
    while (!stopped) {
      Knock(port_);
      absl::SleepFor(kKnockInterval);
    }
  });
  exposer_.reset();
  stopped = true;
  knocker.join();
}

}  // namespace lockstep
