#ifndef LOCKSTEP_SERVER_SERVICE_CLUSTER_SERVICE_H_
#define LOCKSTEP_SERVER_SERVICE_CLUSTER_SERVICE_H_

// lockstep.v1.ClusterService: what jobs run on, and what runs here.

#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "server/service/service_parts.h"

namespace lockstep {

class ClusterServiceImpl final : public v1::ClusterService::CallbackService {
 public:
  explicit ClusterServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListNodes(grpc::CallbackServerContext* context,
                                      const v1::ListNodesRequest* request,
                                      v1::ListNodesResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(
      grpc::CallbackServerContext* context,
      const v1::GetServerInfoRequest* request,
      v1::ServerInfo* response) override;

 private:
  const ServiceParts parts_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_CLUSTER_SERVICE_H_
