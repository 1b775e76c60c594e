// The calls of ClusterService about queues.

#include <utility>
#include <vector>

#include "proto/contract/errors.h"
#include "proto/contract/queue.h"
#include "server/service/cluster_service.h"
#include "server/service/update_request.h"

namespace lockstep {
namespace {

// Answers a call once the scheduler has decided.
template <typename Response>
Scheduler::Reply<Response> Answer(std::shared_ptr<UnaryCall> call,
                                  Response* response) {
  return [call = std::move(call), response](absl::StatusOr<Response> result) {
    call->Finish(std::move(result), response);
  };
}

}  // namespace

grpc::ServerUnaryReactor* ClusterServiceImpl::ListQueues(
    grpc::CallbackServerContext* context, const v1::ListQueuesRequest*,
    v1::ListQueuesResponse* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/ListQueues");
  const absl::Status admitted = call->Admit(*context).status();
  if (admitted.ok()) {
    parts_.scheduler.ListQueues(Answer(call, response));
  } else {
    call->Finish(admitted);
  }
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::CreateQueue(
    grpc::CallbackServerContext* context, const v1::CreateQueueRequest* request,
    v1::Queue* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/CreateQueue");
  absl::Status good = call->Admit(*context).status();
  const std::vector<FieldViolation> bad = CheckQueue(request->queue());
  if (good.ok() && !bad.empty()) good = errors::InvalidQueue(bad);
  if (good.ok()) {
    parts_.scheduler.CreateQueue(request->queue(), Answer(call, response));
  } else {
    call->Finish(good);
  }
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::UpdateQueue(
    grpc::CallbackServerContext* context, const v1::UpdateQueueRequest* request,
    v1::Queue* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/UpdateQueue");
  absl::Status good = call->Admit(*context).status();
  absl::StatusOr<Scheduler::QueueUpdate> update =
      ResolveUpdateRequest(*request);
  if (good.ok()) good = update.status();
  if (good.ok()) {
    parts_.scheduler.UpdateQueue(*std::move(update), Answer(call, response));
  } else {
    call->Finish(good);
  }
  return call.get();
}

grpc::ServerUnaryReactor* ClusterServiceImpl::DeleteQueue(
    grpc::CallbackServerContext* context, const v1::DeleteQueueRequest* request,
    google::protobuf::Empty* response) {
  const auto call =
      UnaryCall::Start(parts_, "lockstep.v1.ClusterService/DeleteQueue");
  const absl::Status admitted = call->Admit(*context).status();
  if (!admitted.ok()) {
    call->Finish(admitted);
    return call.get();
  }
  parts_.scheduler.DeleteQueue(
      request->name(), [call, response](const absl::Status& status) {
        if (!status.ok()) return call->Finish(status);
        call->Finish(
            absl::StatusOr<google::protobuf::Empty>(google::protobuf::Empty()),
            response);
      });
  return call.get();
}

}  // namespace lockstep
