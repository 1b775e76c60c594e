#include "client/cli/command_context.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/endpoint.h"
#include "client/cli/nearest.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

EndpointFlags FlagsOf(const GlobalFlags& flags) {
  return {flags.client.server, flags.client.token_file, flags.context};
}

Environment EnvironmentFor(const Endpoint& endpoint) {
  if (!endpoint.alone) return ProcessEnvironment;
  return [](const char* name) {
    const absl::string_view variable = name;
    const bool is_of_another = variable == "LOCKSTEP_TOKEN_FILE" ||
                               absl::StartsWith(variable, "LOCKSTEP_TLS_");
    return is_of_another ? "" : ProcessEnvironment(name);
  };
}

// What was typed wins over what the context says.
ClientFlags ClientFlagsOf(const Endpoint& endpoint, const ClientFlags& typed) {
  ClientFlags flags = typed;
  flags.server = endpoint.server;
  flags.token_file = endpoint.token_file;
  if (flags.tls.ca.empty()) flags.tls.ca = endpoint.tls_ca;
  if (flags.tls.cert.empty() && flags.tls.key.empty()) {
    flags.tls.cert = endpoint.tls_cert;
    flags.tls.key = endpoint.tls_key;
  }
  return flags;
}

std::string HintFor(const absl::Status& status, const CommandContext& context) {
  if (absl::StartsWith(ErrorReason(status), "TLS_")) {
    return "how to set TLS up: docs/operations.md";
  }
  if (absl::IsUnauthenticated(status)) {
    return "give the token with --token-file or LOCKSTEP_TOKEN_FILE";
  }
  if (ErrorReason(status) == "DRAINING") {
    return "`lockstep server drain --undrain` ends it";
  }
  if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) {
    return "";
  }
  const Endpoint endpoint =
      ChooseEndpoint(FlagsOf(context.flags), ProcessEnvironment)
          .value_or(Endpoint());
  const std::string server = endpoint.server.empty()
                                 ? DefaultServer(ProcessEnvironment)
                                 : endpoint.server;
  return absl::StrCat("no lockstepd answers at ", server,
                      "; start one there, name another with --server, or use "
                      "`lockstep run FILE`, which brings its own");
}

}  // namespace

absl::StatusOr<JobClient> CommandContext::Connect() const {
  ASSIGN_OR_RETURN(const Endpoint endpoint,
                   ChooseEndpoint(FlagsOf(flags), ProcessEnvironment));
  ASSIGN_OR_RETURN(ClientOptions options,
                   ResolveClientOptions(ClientFlagsOf(endpoint, flags.client),
                                        EnvironmentFor(endpoint)));
  if (!absl::ParseDuration(flags.timeout, &options.timeout) ||
      options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--timeout \"", flags.timeout, "\" is not a time like 10s or 1m"));
  }
  return JobClient(MakeJobConnection(options));
}

ExitStatus CommandContext::Report(const absl::Status& status) const {
  return ReportError(console, status, HintFor(status, *this));
}

ExitStatus CommandContext::ReportForJob(const absl::Status& status,
                                        const std::string& id) const {
  if (ErrorReason(status) != "JOB_NOT_FOUND") return Report(status);
  std::vector<std::string> ids;
  if (absl::StatusOr<JobClient> client = Connect(); client.ok()) {
    const absl::StatusOr<std::vector<v1::Job>> jobs =
        client->List({.limit = 200});
    for (const v1::Job& job : jobs.value_or(std::vector<v1::Job>())) {
      ids.push_back(JobIdOf(job.name()));
    }
  }
  const std::string nearest = NearestWord(id, ids);
  return ReportError(console, status,
                     nearest.empty()
                         ? "list with: lockstep jobs list"
                         : absl::StrCat("did you mean \"", nearest,
                                        "\"? list with: lockstep jobs list"));
}

std::string JobIdOf(const std::string& argument) {
  absl::string_view id = argument;
  if (!absl::ConsumePrefix(&id, "jobs/")) absl::ConsumePrefix(&id, "job/");
  return std::string(id);
}

ExitStatus WithClient(const CommandContext& context,
                      const std::function<ExitStatus(JobClient&)>& work) {
  absl::StatusOr<JobClient> client = context.Connect();
  if (!client.ok()) return context.Report(client.status());
  return work(*client);
}

}  // namespace lockstep::cli
