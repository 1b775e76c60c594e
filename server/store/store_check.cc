#include "server/store/store_check.h"

#include <utility>

#include "proto/contract/status_macros.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"

namespace lockstep {
namespace {

absl::Status CheckFile(const std::string& path) {
  ASSIGN_OR_RETURN(sqlite::Connection connection,
                   sqlite::Connection::OpenUnwritten(path));
  return CheckPages(connection);
}

}  // namespace

StoreCheck::StoreCheck(std::string path)
    : path_(std::move(path)), thread_([this] { found_ = CheckFile(path_); }) {}

StoreCheck::~StoreCheck() { Wait().IgnoreError(); }

absl::Status StoreCheck::Wait() {
  if (thread_.joinable()) thread_.join();
  return found_;
}

}  // namespace lockstep
