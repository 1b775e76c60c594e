#include "tests/acceptance/stream_follower.h"

#include <chrono>
#include <utility>

namespace lockstep::testing {

StreamFollower::StreamFollower(ReadStream read)
    : read_(std::move(read)), thread_([this] { Run(); }) {}

StreamFollower::~StreamFollower() { Stop(); }

void StreamFollower::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  Join();
}

void StreamFollower::Join() {
  if (thread_.joinable()) thread_.join();
}

bool StreamFollower::Begin(grpc::ClientContext* context) {
  absl::MutexLock lock(&mu_);
  context_ = stopping_ ? nullptr : context;
  return !stopping_;
}

void StreamFollower::Run() {
  bool ended = false;
  while (!ended) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(10));
    context.set_wait_for_ready(true);
    if (!Begin(&context)) return;
    ++opened_;
    ended = read_(context);
    // The context goes.
    Begin(nullptr);
  }
}

}  // namespace lockstep::testing
