#include "server/service/cluster_service.h"

#include <map>
#include <string>
#include <utility>

#include "proto/contract/version.h"
#include "server/metrics/server_metrics.h"
#include "server/scheduler/proto_time.h"
#include "server/store/job_store.h"

namespace lockstep {
namespace {

void AddLoads(const std::map<std::string, v1::DeviceLoad>& loads,
              v1::Node& node) {
  for (v1::Device& device : *node.mutable_devices()) {
    const auto load = loads.find(device.id());
    if (load != loads.end()) *device.mutable_load() = load->second;
  }
}

v1::ListNodesResponse List(const ServiceParts& parts) {
  std::map<std::string, v1::DeviceLoad> loads;
  if (parts.options.device_loads != nullptr) {
    loads = parts.options.device_loads();
  }
  v1::ListNodesResponse response;
  for (v1::Node& node : parts.scheduler.Nodes()) {
    AddLoads(loads, node);
    *response.add_nodes() = std::move(node);
  }
  return response;
}

v1::ServerInfo Info(const ServiceParts& parts) {
  v1::ServerInfo info;
  info.set_version(kVersion);
  info.set_revision(std::string(BuildRevision()));
  info.set_metrics_address(parts.options.metrics_url);
  *info.mutable_start_time() = ToProto(parts.options.start_time);
  info.set_state_dir(parts.options.state_dir);
  info.set_store_version(parts.options.store_version);
  for (const auto& [state, count] : parts.metrics.JobsByState()) {
    if (count == 0) continue;
    v1::JobCount& jobs = *info.add_jobs();
    jobs.set_state(state);
    jobs.set_count(count);
  }
  const server::CoordinatorRecord coordinator = parts.store.Coordinator();
  if (coordinator.has_drain_time()) {
    *info.mutable_drain_time() = coordinator.drain_time();
  }
  return info;
}

// One that the host has no more is shown as nothing but its id.
v1::Device FindDevice(const std::vector<v1::Node>& nodes,
                      const std::string& id) {
  for (const v1::Node& node : nodes) {
    for (const v1::Device& device : node.devices()) {
      if (device.id() == id) return device;
    }
  }
  v1::Device gone;
  gone.set_id(id);
  return gone;
}

v1::ServerConfig Config(const ServiceOptions& options) {
  v1::ServerConfig config;
  for (const auto& [name, value] : options.settings) {
    v1::ServerSetting& setting = *config.add_settings();
    setting.set_name(name);
    setting.set_value(value);
  }
  return config;
}

}  // namespace

grpc::ServerUnaryReactor* ClusterServiceImpl::ListNodes(
    grpc::CallbackServerContext* context, const v1::ListNodesRequest*,
    v1::ListNodesResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/ListNodes");
  const absl::Status admitted = call->Admit(*context).status();
  using Result = absl::StatusOr<v1::ListNodesResponse>;
  call->Finish(admitted.ok() ? Result(List(parts_)) : admitted, response);
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::GetServerInfo(
    grpc::CallbackServerContext* context, const v1::GetServerInfoRequest*,
    v1::ServerInfo* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/GetServerInfo");
  const absl::Status admitted = call->Admit(*context).status();
  using Result = absl::StatusOr<v1::ServerInfo>;
  call->Finish(admitted.ok() ? Result(Info(parts_)) : admitted, response);
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::GetServerConfig(
    grpc::CallbackServerContext* context, const v1::GetServerConfigRequest*,
    v1::ServerConfig* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/GetServerConfig");
  const absl::Status admitted = call->Admit(*context).status();
  using Result = absl::StatusOr<v1::ServerConfig>;
  call->Finish(admitted.ok() ? Result(Config(parts_.options)) : admitted,
               response);
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::DrainServer(
    grpc::CallbackServerContext* context, const v1::DrainServerRequest* request,
    v1::ServerInfo* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/DrainServer");
  const absl::StatusOr<Principal> caller = call->Admit(*context);
  if (caller.ok()) {
    parts_.scheduler.Drain(ActorOf(*caller), request->let_run(),
                           AnswerWithInfo(call, response));
  } else {
    call->Finish(caller.status());
  }
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::UndrainServer(
    grpc::CallbackServerContext* context, const v1::UndrainServerRequest*,
    v1::ServerInfo* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/UndrainServer");
  const absl::StatusOr<Principal> caller = call->Admit(*context);
  if (caller.ok()) {
    parts_.scheduler.Undrain(ActorOf(*caller), AnswerWithInfo(call, response));
  } else {
    call->Finish(caller.status());
  }
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::DrainDevice(
    grpc::CallbackServerContext* context, const v1::DrainDeviceRequest* request,
    v1::Device* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/DrainDevice");
  const absl::StatusOr<Principal> caller = call->Admit(*context);
  if (caller.ok()) {
    parts_.scheduler.DrainDevice(
        ActorOf(*caller), request->device(), request->reason(),
        AnswerWithDevice(call, request->device(), response));
  } else {
    call->Finish(caller.status());
  }
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::UndrainDevice(
    grpc::CallbackServerContext* context,
    const v1::UndrainDeviceRequest* request, v1::Device* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/UndrainDevice");
  const absl::StatusOr<Principal> caller = call->Admit(*context);
  if (caller.ok()) {
    parts_.scheduler.UndrainDevice(
        ActorOf(*caller), request->device(),
        AnswerWithDevice(call, request->device(), response));
  } else {
    call->Finish(caller.status());
  }
  return call.get();
}

Scheduler::Ack ClusterServiceImpl::AnswerWithDevice(
    std::shared_ptr<UnaryCall> call, std::string device, v1::Device* response) {
  return [this, call = std::move(call), device = std::move(device),
          response](const absl::Status& status) {
    if (!status.ok()) return call->Finish(status);
    call->Finish(absl::StatusOr<v1::Device>(
                     FindDevice(parts_.scheduler.Nodes(), device)),
                 response);
  };
}

Scheduler::Ack ClusterServiceImpl::AnswerWithInfo(
    std::shared_ptr<UnaryCall> call, v1::ServerInfo* response) {
  return [this, call = std::move(call), response](const absl::Status& status) {
    if (!status.ok()) return call->Finish(status);
    call->Finish(absl::StatusOr<v1::ServerInfo>(Info(parts_)), response);
  };
}

grpc::ServerWriteReactor<v1::BackupStoreResponse>*
ClusterServiceImpl::BackupStore(grpc::CallbackServerContext* context,
                                const v1::BackupStoreRequest*) {
  return BackupStream::Start<BackupStream>(*context, parts_, backup_turn_);
}

}  // namespace lockstep
