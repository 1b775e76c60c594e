#include "server/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/server_builder.h"
#include "proto/contract/status_macros.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kSocketFolderMode = 0750;
// What a client may send before it is read: a report of a thousand points.
constexpr int kUnixWindowBytes = 256 << 10;

// A certificate that was renewed is shown from then on, to new connections.
constexpr unsigned kLookAtFilesEverySeconds = 1;

// Whether a server answers on this socket.
bool IsAnswered(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const bool answered =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return answered;
}

// A socket survives the process that made it, when that was killed.
absl::Status MakeRoom(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  if (!fs::exists(folder, error)) {
    fs::create_directories(folder.parent_path(), error);
    if (mkdir(folder.c_str(), kSocketFolderMode) != 0 && errno != EEXIST) {
      return absl::ErrnoToStatus(errno,
                                 absl::StrCat("create ", folder.string()));
    }
  }
  const fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status)) return absl::OkStatus();
  if (!fs::is_socket(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat("unix:", path, ": the file is there and is not a socket"));
  }
  if (IsAnswered(path)) {
    return absl::UnavailableError(
        absl::StrCat("unix:", path, ": another server answers there"));
  }
  if (unlink(path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("remove ", path));
  }
  return absl::OkStatus();
}

bool OnlyUnixSockets(const std::vector<std::string>& addresses) {
  return std::all_of(addresses.begin(), addresses.end(),
                     [](const std::string& address) {
                       return absl::StartsWith(address, "unix:");
                     });
}

void Configure(grpc::ServerBuilder& builder, const Listener::Options& options) {
  // Else a second server could take half of the calls of the first.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Lets clients find half-open connections.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  if (OnlyUnixSockets(options.addresses)) {
    // The kernel tells when the other end is gone, and how much is on its way
    // is no question: pings for either would wake two processes a connection
    // for nothing, and a host of running jobs has hundreds.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                               kUnixWindowBytes);
  } else {
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  }
  grpc::ResourceQuota quota("lockstepd");
  quota.Resize(options.memory_bytes);
  builder.SetResourceQuota(quota);
}

std::shared_ptr<grpc::ServerCredentials> TcpCredentials(const ListenTls& tls) {
  if (!tls.enabled()) return grpc::InsecureServerCredentials();
  const auto files =
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          tls.key, tls.cert, tls.client_ca, kLookAtFilesEverySeconds);
  grpc::experimental::TlsServerCredentialsOptions options(files);
  options.watch_identity_key_cert_pairs();
  if (!tls.client_ca.empty()) {
    options.watch_root_certs();
    // Who shows none brings a token instead.
    options.set_cert_request_type(
        GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

std::string WithPort(const std::string& address, int port) {
  if (absl::StartsWith(address, "unix:")) return address;
  return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(
    const Options& options, const std::vector<NamedService>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  Configure(builder, options);
  const std::shared_ptr<grpc::ServerCredentials> tcp =
      TcpCredentials(options.tls);
  std::vector<int> ports(options.addresses.size(), 0);
  for (size_t i = 0; i < options.addresses.size(); ++i) {
    const std::string& address = options.addresses[i];
    absl::string_view path = address;
    if (absl::ConsumePrefix(&path, "unix:")) {
      RETURN_IF_ERROR(MakeRoom(std::string(path)));
    }
    builder.AddListeningPort(
        address, address == path ? tcp : grpc::InsecureServerCredentials(),
        &ports[i]);
  }
  for (const NamedService& service : services) {
    builder.RegisterService(service.service);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return absl::UnavailableError(
        absl::StrCat(absl::StrJoin(options.addresses, ", "),
                     ": cannot be listened on; is the address taken?"));
  }
  std::vector<std::string> addresses;
  for (size_t i = 0; i < ports.size(); ++i) {
    absl::string_view path = options.addresses[i];
    if (absl::ConsumePrefix(&path, "unix:") &&
        chmod(std::string(path).c_str(), kSocketMode) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("chmod ", path));
    }
    addresses.push_back(WithPort(options.addresses[i], ports[i]));
  }
  grpc::HealthCheckServiceInterface* health = server->GetHealthCheckService();
  health->SetServingStatus("", true);
  for (const NamedService& service : services) {
    health->SetServingStatus(service.name, true);
  }
  return std::unique_ptr<Listener>(new Listener(
      std::move(server), std::move(addresses), options.shutdown_grace));
}

Listener::~Listener() {
  server_->GetHealthCheckService()->SetServingStatus(false);
  server_->Shutdown(absl::ToChronoTime(absl::Now() + shutdown_grace_));
}

}  // namespace lockstep
