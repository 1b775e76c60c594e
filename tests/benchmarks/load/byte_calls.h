#ifndef LOCKSTEP_TESTS_BENCHMARKS_LOAD_BYTE_CALLS_H_
#define LOCKSTEP_TESTS_BENCHMARKS_LOAD_BYTE_CALLS_H_

// Calls whose messages stay bytes: clients are on the cores of the one who is
// measured, and would take as long to build and to read them.

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "tests/benchmarks/load/daemon.h"

namespace lockstep::load {

inline grpc::ByteBuffer BytesOf(const std::string& message) {
  const grpc::Slice slice(message);
  return {&slice, 1};
}

// `count` connections, for clients to share.
inline std::vector<std::unique_ptr<grpc::GenericStub>> ByteStubs(
    const Daemon& daemon, int count) {
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  for (int i = 0; i < count; ++i) {
    stubs.push_back(std::make_unique<grpc::GenericStub>(daemon.Connect()));
  }
  return stubs;
}

}  // namespace lockstep::load

#endif  // LOCKSTEP_TESTS_BENCHMARKS_LOAD_BYTE_CALLS_H_
