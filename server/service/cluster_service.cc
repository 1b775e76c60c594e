#include "server/service/cluster_service.h"

#include <utility>

#include "proto/contract/version.h"
#include "server/scheduler/scheduler.h"
#include "server/service/call.h"

namespace lockstep {
namespace {

v1::ListNodesResponse List(const Scheduler& scheduler) {
  v1::ListNodesResponse response;
  for (v1::Node& node : scheduler.Nodes()) {
    *response.add_nodes() = std::move(node);
  }
  return response;
}

v1::ServerInfo Info(const ServiceOptions& options) {
  v1::ServerInfo info;
  info.set_version(kVersion);
  info.set_revision(std::string(BuildRevision()));
  info.set_metrics_address(options.metrics_url);
  return info;
}

}  // namespace

grpc::ServerUnaryReactor* ClusterServiceImpl::ListNodes(
    grpc::CallbackServerContext* context, const v1::ListNodesRequest*,
    v1::ListNodesResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/ListNodes");
  const absl::Status admitted = call->Admit(*context).status();
  using Result = absl::StatusOr<v1::ListNodesResponse>;
  call->Finish(admitted.ok() ? Result(List(parts_.scheduler)) : admitted,
               response);
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::GetServerInfo(
    grpc::CallbackServerContext* context, const v1::GetServerInfoRequest*,
    v1::ServerInfo* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/GetServerInfo");
  const absl::Status admitted = call->Admit(*context).status();
  using Result = absl::StatusOr<v1::ServerInfo>;
  call->Finish(admitted.ok() ? Result(Info(parts_.options)) : admitted,
               response);
  return call.get();
}

}  // namespace lockstep
