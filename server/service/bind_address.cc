#include "server/service/bind_address.h"

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "proto/contract/loopback.h"

namespace lockstep {
namespace {

// An IPv4 address as IPv6 writes it.
constexpr char kMapped[] = "::ffff:";

}  // namespace

std::string BindAddress(absl::string_view peer) {
  std::string text =
      absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, "ipv4:") &&
      !absl::ConsumePrefix(&rest, "ipv6:")) {
    return kLoopbackAddress;
  }
  const absl::string_view host = rest.substr(0, rest.rfind(':'));
  absl::string_view address = host;
  absl::ConsumePrefix(&address, "[");
  absl::ConsumeSuffix(&address, "]");
  absl::ConsumePrefix(&address, kMapped);
  if (address.empty() || IsLoopback(host) || IsLoopback(address)) {
    return kLoopbackAddress;
  }
  return std::string(address);
}

}  // namespace lockstep
