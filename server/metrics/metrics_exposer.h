#ifndef LOCKSTEP_SERVER_METRICS_METRICS_EXPOSER_H_
#define LOCKSTEP_SERVER_METRICS_METRICS_EXPOSER_H_

// Serves /metrics over HTTP while it lives. Loopback only: the numbers say what
// is trained here, and there is no token on this address. prometheus-cpp has an
// exposer, too, on the same HTTP server (CivetWeb); this one writes the page
// itself (text_format.h), one family after another.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

class CivetServer;

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace lockstep {

class MetricsExposer {
 public:
  // What is shown, one after another.
  using Collectables = std::vector<std::shared_ptr<prometheus::Collectable>>;

  // `address` is host:port; port 0 takes a free one. UNAVAILABLE, naming the
  // address, when it is taken; INVALID_ARGUMENT when it is not loopback.
  static absl::StatusOr<std::unique_ptr<MetricsExposer>> Start(
      absl::string_view address, Collectables collectables);
  ~MetricsExposer();

  // "http://127.0.0.1:9464/metrics", with the real port.
  const std::string& url() const { return url_; }

 private:
  class Page;

  MetricsExposer(std::unique_ptr<Page> page,
                 std::unique_ptr<CivetServer> server, int port);

  const std::unique_ptr<Page> page_;
  // Answers from page_ on threads of its own.
  std::unique_ptr<CivetServer> server_;
  const int port_;
  const std::string url_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRICS_METRICS_EXPOSER_H_
