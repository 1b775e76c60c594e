#ifndef LOCKSTEP_SERVER_SERVICE_MESSAGE_BYTES_H_
#define LOCKSTEP_SERVER_SERVICE_MESSAGE_BYTES_H_

// Messages of calls that gRPC hands over as bytes: so a request is ours, to be
// taken apart, and a response is written from where it lies, once for all who
// get the same.

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace lockstep {

// INVALID_ARGUMENT, as bytes that are no Request.
template <typename Request>
absl::StatusOr<Request> FromBytes(const grpc::ByteBuffer& bytes) {
  Request request;
  grpc::ByteBuffer buffer = bytes;
  if (grpc::SerializationTraits<Request>::Deserialize(&buffer, &request).ok()) {
    return request;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the bytes are no ", Request::descriptor()->name()));
}

inline grpc::ByteBuffer ToBytes(const google::protobuf::Message& response) {
  const size_t size = response.ByteSizeLong();
  grpc::Slice slice(size);
  // What was just made is nobody else's yet.
  response.SerializeWithCachedSizesToArray(
      const_cast<uint8_t*>(slice.begin()));  // NOLINT
  return {&slice, 1};
}

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SERVICE_MESSAGE_BYTES_H_
