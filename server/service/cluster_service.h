#ifndef LOCKSTEP_SERVER_SERVICE_CLUSTER_SERVICE_H_
#define LOCKSTEP_SERVER_SERVICE_CLUSTER_SERVICE_H_

// lockstep.v1.ClusterService: what jobs run on, what runs here, its drain, a
// copy of its store, and (queue_calls.cc) the queues.

#include <memory>

#include "lockstep/v1/cluster_service.grpc.pb.h"
#include "server/scheduler/scheduler.h"
#include "server/service/backup_stream.h"
#include "server/service/call.h"
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
  grpc::ServerUnaryReactor* GetServerConfig(
      grpc::CallbackServerContext* context,
      const v1::GetServerConfigRequest* request,
      v1::ServerConfig* response) override;
  grpc::ServerUnaryReactor* DrainServer(grpc::CallbackServerContext* context,
                                        const v1::DrainServerRequest* request,
                                        v1::ServerInfo* response) override;
  grpc::ServerUnaryReactor* UndrainServer(
      grpc::CallbackServerContext* context,
      const v1::UndrainServerRequest* request,
      v1::ServerInfo* response) override;
  grpc::ServerUnaryReactor* DrainDevice(grpc::CallbackServerContext* context,
                                        const v1::DrainDeviceRequest* request,
                                        v1::Device* response) override;
  grpc::ServerUnaryReactor* UndrainDevice(
      grpc::CallbackServerContext* context,
      const v1::UndrainDeviceRequest* request, v1::Device* response) override;
  grpc::ServerUnaryReactor* ListQueues(
      grpc::CallbackServerContext* context,
      const v1::ListQueuesRequest* request,
      v1::ListQueuesResponse* response) override;
  grpc::ServerUnaryReactor* CreateQueue(grpc::CallbackServerContext* context,
                                        const v1::CreateQueueRequest* request,
                                        v1::Queue* response) override;
  grpc::ServerUnaryReactor* UpdateQueue(grpc::CallbackServerContext* context,
                                        const v1::UpdateQueueRequest* request,
                                        v1::Queue* response) override;
  grpc::ServerUnaryReactor* DeleteQueue(
      grpc::CallbackServerContext* context,
      const v1::DeleteQueueRequest* request,
      google::protobuf::Empty* response) override;
  grpc::ServerWriteReactor<v1::BackupStoreResponse>* BackupStore(
      grpc::CallbackServerContext* context,
      const v1::BackupStoreRequest* request) override;

 private:
  // Answers a call once the scheduler has decided.
  Scheduler::Ack AnswerWithInfo(std::shared_ptr<UnaryCall> call,
                                v1::ServerInfo* response);
  Scheduler::Ack AnswerWithDevice(std::shared_ptr<UnaryCall> call,
                                  std::string device, v1::Device* response);

  const ServiceParts parts_;
  const std::shared_ptr<BackupTurn> backup_turn_ =
      std::make_shared<BackupTurn>();
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_CLUSTER_SERVICE_H_
