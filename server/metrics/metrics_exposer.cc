#include "server/metrics/metrics_exposer.h"

#include <CivetServer.h>
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

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "server/metrics/text_format.h"

namespace lockstep {
namespace {

constexpr char kPath[] = "/metrics";
// The HTTP server wants numbers.
constexpr char kLoopback[] = "127.0.0.1";
constexpr char kThreads[] = "2";
constexpr absl::Duration kKnockInterval = absl::Milliseconds(10);
// A page under way has as long to be sent when the server ends, which cuts off
// what is written then.
constexpr absl::Duration kLastPages = absl::Seconds(2);

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

// Answers GET on threads of the HTTP server.
class MetricsExposer::Page : public CivetHandler {
 public:
  explicit Page(Collectables collectables)
      : collectables_(std::move(collectables)) {}

  bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
    Begin();
    Send(connection);
    End();
    return true;
  }

  // Returns when no page is under way, or that has taken too long.
  void AwaitLastPages() {
    absl::MutexLock lock(&mu_);
    auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return under_way_ == 0;
    };
    mu_.AwaitWithTimeout(absl::Condition(&idle), kLastPages);
  }

 private:
  void Begin() {
    absl::MutexLock lock(&mu_);
    ++under_way_;
  }
  void End() {
    absl::MutexLock lock(&mu_);
    --under_way_;
  }

  void Send(mg_connection* connection) const {
    std::string page;
    for (const auto& collectable : collectables_) {
      for (const prometheus::MetricFamily& family : collectable->Collect()) {
        AppendText(family, page);
      }
    }
    mg_send_http_ok(connection, kTextFormatType,
                    static_cast<long long>(page.size()));
    // Who does not read all of it is gone.
    std::ignore = mg_write(connection, page.data(), page.size());
  }

  const Collectables collectables_;
  absl::Mutex mu_;
  int under_way_ ABSL_GUARDED_BY(mu_) = 0;
};

absl::StatusOr<std::unique_ptr<MetricsExposer>> MetricsExposer::Start(
    absl::string_view address, Collectables collectables) {
  const absl::StatusOr<int> port = PortOf(address);
  if (!port.ok()) return port.status();
  try {
    auto page = std::make_unique<Page>(std::move(collectables));
    auto server = std::make_unique<CivetServer>(std::vector<std::string>{
        "listening_ports", absl::StrCat(kLoopback, ":", *port), "num_threads",
        kThreads});
    server->addHandler(kPath, page.get());
    const std::vector<int> ports = server->getListeningPorts();
    const int real_port = ports.empty() ? *port : ports.front();
    return std::unique_ptr<MetricsExposer>(
        new MetricsExposer(std::move(page), std::move(server), real_port));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("metrics address \"", address,
                     "\" cannot be listened on (is it taken? "
                     "choose another, port 0 for a free one, or off): ",
                     error.what()));
  }
}

MetricsExposer::MetricsExposer(std::unique_ptr<Page> page,
                               std::unique_ptr<CivetServer> server, int port)
    : page_(std::move(page)),
      server_(std::move(server)),
      port_(port),
      url_(absl::StrCat("http://", kLoopback, ":", port, kPath)) {}

// Its HTTP server looks every two seconds whether it shall stop, and whenever
// somebody connects.
MetricsExposer::~MetricsExposer() {
  page_->AwaitLastPages();
  std::atomic<bool> stopped = false;
  std::thread knocker([&] {
    while (!stopped) {
      Knock(port_);
      absl::SleepFor(kKnockInterval);
    }
  });
  server_.reset();
  stopped = true;
  knocker.join();
}

}  // namespace lockstep
