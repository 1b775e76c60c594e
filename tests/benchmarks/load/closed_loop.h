#ifndef LOCKSTEP_TESTS_BENCHMARKS_LOAD_CLOSED_LOOP_H_
#define LOCKSTEP_TESTS_BENCHMARKS_LOAD_CLOSED_LOOP_H_

// Clients that each make the next call when the one before is answered: how
// much can be had at most, and how long each waits for its part of it.

#include <cstdint>
#include <functional>
#include <string>

#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace lockstep::load {

struct LoopFigures {
  int64_t calls = 0;
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  int64_t failed = 0;
  std::string failure;  // The first one.
};

using Answered = std::function<void(const grpc::Status&)>;
// Starts call number `number` of all, counted from 0; client is 0 to clients-1.
using StartCall =
    std::function<void(int client, int64_t number, Answered answered)>;

// `calls` calls in all.
LoopFigures RunClosedLoop(int clients, int64_t calls, const StartCall& start);

// What one asynchronous unary call needs to live.
template <typename Request, typename Response>
struct UnaryCall {
  grpc::ClientContext context;
  Request request;
  Response response;
};

}  // namespace lockstep::load

#endif  // LOCKSTEP_TESTS_BENCHMARKS_LOAD_CLOSED_LOOP_H_
