// ExplainTlsFailure: a handshake by OpenSSL itself, for its words.

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/errors.h"
#include "proto/contract/printable.h"
#include "proto/contract/tls_channel.h"

namespace lockstep {
namespace {

constexpr time_t kProbeSeconds = 2;

using ContextPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using SessionPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

// While it lives, writing to whom hung up is an error for this thread, and no
// signal that ends the process: OpenSSL writes without MSG_NOSIGNAL.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~NoSigpipe() {
    // One that was pending all along is taken too; it was about a write as
    // well.
    const timespec at_once{};
    sigtimedwait(&sigpipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t sigpipe_;
  sigset_t before_;
};

struct Endpoint {
  std::string host;
  std::string port;
};

Endpoint Split(const std::string& server) {
  const size_t colon = server.rfind(':');
  absl::string_view host(server.data(), colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return {std::string(host), server.substr(colon + 1)};
}

// A socket with time limits on all it does; -1 when nobody answers.
int Dial(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints,
                  &found) != 0) {
    return -1;
  }
  const auto freer = absl::MakeCleanup([found] { freeaddrinfo(found); });
  for (const addrinfo* it = found; it != nullptr; it = it->ai_next) {
    const int fd = socket(it->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    const timeval limit{kProbeSeconds, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, it->ai_addr, it->ai_addrlen) == 0) return fd;
    close(fd);
  }
  return -1;
}

BIO* TextOf(const std::string& pem) {
  return BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
}

void TrustOnly(SSL_CTX* context, const std::string& pem) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  const BioPtr text(TextOf(pem), BIO_free);
  while (X509* ca = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(store, ca);
    X509_free(ca);
  }
  ERR_clear_error();
}

void Show(SSL_CTX* context, const TlsIdentity& tls) {
  if (tls.cert.empty()) return;
  const BioPtr text(TextOf(tls.cert), BIO_free);
  if (X509* own = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_use_certificate(context, own);
    X509_free(own);
  }
  while (X509* between =
             PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add0_chain_cert(context, between);
  }
  const BioPtr key_text(TextOf(tls.key), BIO_free);
  if (EVP_PKEY* key =
          PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_use_PrivateKey(context, key);
    EVP_PKEY_free(key);
  }
  ERR_clear_error();
}

void Expect(SSL* session, const std::string& host) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(session);
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1) return;
  ERR_clear_error();
  X509_VERIFY_PARAM_set1_host(expected, host.c_str(), 0);
  SSL_set_tlsext_host_name(session, host.c_str());
}

std::string NameIn(const GENERAL_NAME& name) {
  const ASN1_STRING* text = nullptr;
  if (name.type == GEN_DNS) text = name.d.dNSName;
  if (name.type == GEN_URI) text = name.d.uniformResourceIdentifier;
  if (name.type == GEN_IPADD) {
    const ASN1_OCTET_STRING* bytes = name.d.iPAddress;
    char address[64] = "";
    const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
    return inet_ntop(family, ASN1_STRING_get0_data(bytes), address,
                     sizeof(address)) == nullptr
               ? ""
               : address;
  }
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

// "coordinator.example, 10.0.0.7"; of a certificate without such names, its
// common name.
std::string NamesIn(X509* certificate) {
  std::string names;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; list != nullptr && i < sk_GENERAL_NAME_num(list); ++i) {
    const std::string name = NameIn(*sk_GENERAL_NAME_value(list, i));
    if (!name.empty()) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  GENERAL_NAMES_free(list);
  if (!names.empty()) return names;
  char common[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                            common, sizeof(common));
  return common;
}

std::string TimeIn(const ASN1_TIME* time) {
  const BioPtr out(BIO_new(BIO_s_mem()), BIO_free);
  ASN1_TIME_print(out.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(size)};
}

absl::Status Refusal(absl::string_view reason, const std::string& server,
                     absl::string_view why) {
  return errors::Error(absl::StatusCode::kUnauthenticated, reason,
                       absl::StrCat(server, ": ", why), {{"server", server}});
}

absl::Status ExplainVerdict(long verdict, X509* certificate,
                            const std::string& server, const std::string& host,
                            const TlsIdentity& tls) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Refusal("TLS_WRONG_HOST", server,
                     absl::StrCat("its certificate is for ",
                                  Printable(NamesIn(certificate), 256),
                                  ", not for ", host));
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Refusal("TLS_EXPIRED", server,
                     absl::StrCat("its certificate, or its CA's, has expired; "
                                  "its own is valid until ",
                                  TimeIn(X509_get0_notAfter(certificate))));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Refusal("TLS_NOT_YET_VALID", server,
                     absl::StrCat("its certificate is valid from ",
                                  TimeIn(X509_get0_notBefore(certificate)),
                                  "; is this host's clock right?"));
    default:
      return Refusal(
          "TLS_UNTRUSTED", server,
          absl::StrCat("its certificate comes from no CA in --tls-ca \"",
                       tls.files.ca,
                       "\": ", X509_verify_cert_error_string(verdict)));
  }
}

// Notes that the other side asks for a certificate.
void NoteRequest(int, int, int content_type, const void* message, size_t size,
                 SSL*, void* requested) {
  if (content_type == SSL3_RT_HANDSHAKE && size > 0 &&
      *static_cast<const unsigned char*>(message) ==
          SSL3_MT_CERTIFICATE_REQUEST) {
    *static_cast<bool*>(requested) = true;
  }
}

// It asked for a certificate, and went away when it had the answer. Some say
// why by an alert; gRPC does not.
absl::Status ExplainRefusal(const std::string& server, const TlsIdentity& tls) {
  return Refusal(
      "TLS_CLIENT_REFUSED", server,
      tls.cert.empty()
          ? "it wants a client certificate; give --tls-cert and "
            "--tls-key"
          : absl::StrCat("it does not accept --tls-cert \"", tls.files.cert,
                         "\", which must come from its "
                         "--tls-client-ca and be valid now"));
}

// The session was not set up.
absl::Status ExplainBreak(const std::string& server) {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
      ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER) {
    return Refusal("TLS_NOT_SPOKEN", server,
                   "it answers, but not in TLS; leave out --tls-ca");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExplainTlsFailure(const std::string& server,
                               const TlsIdentity& tls) {
  const Endpoint endpoint = Split(server);
  const int fd = Dial(endpoint);
  if (fd < 0) return absl::OkStatus();
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  const NoSigpipe quiet;
  const ContextPtr context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Nothing is sent to whom is not trusted: the verdict is only read.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  TrustOnly(context.get(), tls.ca);
  Show(context.get(), tls);
  const SessionPtr session(SSL_new(context.get()), SSL_free);
  Expect(session.get(), endpoint.host);
  constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(session.get(), kHttp2, sizeof(kHttp2));
  SSL_set_fd(session.get(), fd);
  bool requested = false;
  SSL_set_msg_callback(session.get(), NoteRequest);
  SSL_set_msg_callback_arg(session.get(), &requested);
  ERR_clear_error();
  if (SSL_connect(session.get()) != 1) {
    return requested ? ExplainRefusal(server, tls) : ExplainBreak(server);
  }
  const long verdict = SSL_get_verify_result(session.get());
  if (verdict != X509_V_OK) {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        SSL_get1_peer_certificate(session.get()), X509_free);
    if (certificate == nullptr) return absl::OkStatus();
    return ExplainVerdict(verdict, certificate.get(), server, endpoint.host,
                          tls);
  }
  // In TLS 1.3 a refusal of our own certificate comes after the handshake, in
  // place of HTTP/2's first frame.
  char first = 0;
  const int got = SSL_read(session.get(), &first, 1);
  const bool goes_on =
      got == 1 || SSL_get_error(session.get(), got) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  return goes_on || !requested ? absl::OkStatus() : ExplainRefusal(server, tls);
}

}  // namespace lockstep
