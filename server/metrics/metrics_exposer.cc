#include "server/metrics/metrics_exposer.h"

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "prometheus/exposer.h"
#include "prometheus/registry.h"

namespace lockstep {
namespace {

// prometheus-cpp's HTTP server wants numbers.
constexpr char kLoopback[] = "127.0.0.1";
constexpr size_t kThreads = 2;

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
    absl::string_view address, std::shared_ptr<prometheus::Registry> registry) {
  const absl::StatusOr<int> port = PortOf(address);
  if (!port.ok()) return port.status();
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(
        absl::StrCat(kLoopback, ":", *port), kThreads);
    exposer->RegisterCollectable(registry);
    const std::vector<int> ports = exposer->GetListeningPorts();
    std::string url =
        absl::StrCat("http://", kLoopback, ":",
                     ports.empty() ? *port : ports.front(), "/metrics");
    return std::unique_ptr<MetricsExposer>(new MetricsExposer(
        std::move(exposer), std::move(registry), std::move(url)));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("metrics address \"", address,
                     "\" cannot be listened on (is it taken? "
                     "choose another, port 0 for a free one, or off): ",
                     error.what()));
  }
}

MetricsExposer::MetricsExposer(std::unique_ptr<prometheus::Exposer> exposer,
                               std::shared_ptr<prometheus::Registry> registry,
                               std::string url)
    : registry_(std::move(registry)),
      exposer_(std::move(exposer)),
      url_(std::move(url)) {}

MetricsExposer::~MetricsExposer() = default;

}  // namespace lockstep
