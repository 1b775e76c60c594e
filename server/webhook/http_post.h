#ifndef LOCKSTEP_SERVER_WEBHOOK_HTTP_POST_H_
#define LOCKSTEP_SERVER_WEBHOOK_HTTP_POST_H_

// One HTTP request, by libcurl.

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lockstep {

struct HttpRequest {
  std::string url;
  // "name: value".
  std::vector<std::string> headers;
  std::string body;
  absl::Duration timeout = absl::Seconds(10);
};

// The status code of the answer, whose body is not read. Redirections are not
// followed, and no protocol but HTTP and HTTPS is spoken. UNAVAILABLE when
// there is no answer in time, naming the cause and not the url; CANCELLED soon
// after `stopping` became true. Blocks; thread-safe.
absl::StatusOr<int> HttpPost(const HttpRequest& request,
                             const std::atomic<bool>& stopping);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_WEBHOOK_HTTP_POST_H_
