#include "client/cli/private_server.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr absl::Duration kReadyWithin = absl::Seconds(20);
constexpr absl::Duration kPollEvery = absl::Milliseconds(50);
constexpr absl::Duration kStopWithin = absl::Seconds(10);

// In TMPDIR or /tmp, whichever leaves room for the socket's name: its path
// holds 107 bytes at most.
absl::StatusOr<std::string> NewFolder() {
  constexpr size_t kMaxParent = 60;
  std::string parent = ProcessEnvironment("TMPDIR");
  if (parent.empty() || parent.size() > kMaxParent) parent = "/tmp";
  std::string path = parent + "/lockstep-run-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    return absl::InternalError(absl::StrCat("cannot make a folder ", path));
  }
  return path;
}

std::string LogFile(const std::string& folder) {
  return folder + "/lockstepd.log";
}

std::string Address(const std::string& folder) {
  return absl::StrCat("unix:", folder, "/lockstepd.sock");
}

std::string ReadLog(const std::string& folder) {
  std::ifstream file(LogFile(folder));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateServer>> PrivateServer::Start(
    int cpu_slots, const std::function<bool()>& given_up) {
  ASSIGN_OR_RETURN(const std::string daemon, SiblingProgram("lockstepd"));
  ASSIGN_OR_RETURN(const std::string worker, SiblingProgram("lockstep-worker"));
  ASSIGN_OR_RETURN(std::string folder, NewFolder());
  ASSIGN_OR_RETURN(ChildProcess child,
                   ChildProcess::Start(
                       {daemon, "--state-dir", folder + "/state", "--listen",
                        Address(folder), "--cpu-slots", absl::StrCat(cpu_slots),
                        "--worker", worker, "--metrics-address", "127.0.0.1:0"},
                       LogFile(folder)));
  std::unique_ptr<PrivateServer> server(
      new PrivateServer(std::move(folder), std::move(child)));
  RETURN_IF_ERROR(server->WaitUntilReady(given_up));
  return server;
}

absl::Status PrivateServer::WaitUntilReady(
    const std::function<bool()>& given_up) {
  JobClient client = Connect();
  const absl::Time deadline = absl::Now() + kReadyWithin;
  while (absl::Now() < deadline) {
    if (client.ServerInfo().ok()) return absl::OkStatus();
    if (given_up()) return absl::CancelledError("interrupted");
    if (!daemon_.Running()) {
      return absl::InternalError(absl::StrCat(
          "lockstepd ended with ", daemon_.Wait(), ":\n", ReadLog(folder_)));
    }
    absl::SleepFor(kPollEvery);
  }
  return absl::InternalError(absl::StrCat("lockstepd does not answer within ",
                                          absl::FormatDuration(kReadyWithin),
                                          ":\n", ReadLog(folder_)));
}

PrivateServer::~PrivateServer() {
  daemon_.Stop(kStopWithin);
  std::error_code ignored;
  if (!keep_) std::filesystem::remove_all(folder_, ignored);
}

JobClient PrivateServer::Connect() const {
  ClientOptions options;
  options.server = Address(folder_);
  return JobClient(MakeJobConnection(options));
}

}  // namespace lockstep::cli
