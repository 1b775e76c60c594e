#include "worker/comm/coordinator_store.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep {
namespace {

void ThrowUnlessOk(const absl::Status& status, const std::string& key) {
  TORCH_CHECK_WITH(DistStoreError, status.ok(), "key ", key, ": ",
                   status.ToString());
}

[[noreturn]] void ThrowNotOffered(const char* operation) {
  TORCH_CHECK_WITH(DistStoreError, false, "the coordinator's keys have no ",
                   operation);
  std::abort();  // TORCH_CHECK_WITH(false) has thrown.
}

}  // namespace

CoordinatorStore::CoordinatorStore(Coordinator& coordinator,
                                   absl::Duration timeout)
    : c10d::Store(absl::ToChronoMilliseconds(timeout)),
      coordinator_(coordinator),
      wait_timeout_(timeout) {}

c10::intrusive_ptr<c10d::Store> CoordinatorStore::clone() {
  return c10::make_intrusive<CoordinatorStore>(coordinator_, wait_timeout_);
}

void CoordinatorStore::set(const std::string& key,
                           const std::vector<uint8_t>& value) {
  ThrowUnlessOk(
      coordinator_.SetKey(
          key, absl::string_view(reinterpret_cast<const char*>(value.data()),
                                 value.size())),
      key);
}

std::vector<uint8_t> CoordinatorStore::get(const std::string& key) {
  absl::StatusOr<std::string> value = coordinator_.WaitKey(key, wait_timeout_);
  ThrowUnlessOk(value.status(), key);
  return std::vector<uint8_t>(value->begin(), value->end());
}

void CoordinatorStore::wait(const std::vector<std::string>& keys) {
  wait(keys, absl::ToChronoMilliseconds(wait_timeout_));
}

void CoordinatorStore::wait(const std::vector<std::string>& keys,
                            const std::chrono::milliseconds& timeout) {
  // Gloo asks with the timeout of collectives, which is far longer.
  const absl::Duration limit =
      std::min(absl::FromChrono(timeout), wait_timeout_);
  for (const std::string& key : keys) {
    ThrowUnlessOk(coordinator_.WaitKey(key, limit).status(), key);
  }
}

std::vector<uint8_t> CoordinatorStore::compareSet(const std::string&,
                                                  const std::vector<uint8_t>&,
                                                  const std::vector<uint8_t>&) {
  ThrowNotOffered("compareSet");
}

int64_t CoordinatorStore::add(const std::string&, int64_t) {
  ThrowNotOffered("add");
}

bool CoordinatorStore::deleteKey(const std::string&) {
  ThrowNotOffered("deleteKey");
}

bool CoordinatorStore::check(const std::vector<std::string>&) {
  ThrowNotOffered("check");
}

int64_t CoordinatorStore::getNumKeys() { ThrowNotOffered("getNumKeys"); }

}  // namespace lockstep
