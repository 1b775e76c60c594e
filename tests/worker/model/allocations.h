#ifndef LOCKSTEP_TESTS_WORKER_MODEL_ALLOCATIONS_H_
#define LOCKSTEP_TESTS_WORKER_MODEL_ALLOCATIONS_H_

// What Torch's allocators hand out to this thread while it lives.

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>
#include <memory>

namespace lockstep {

class Allocations {
 public:
  explicit Allocations(c10::DeviceType type)
      : record_(std::make_shared<Record>(type)),
        guard_(c10::DebugInfoKind::PROFILER_STATE, record_) {}

  int64_t count() const { return record_->count; }
  int64_t bytes() const { return record_->bytes; }

 private:
  // Torch knows it as a profiler of memory.
  struct Record : c10::MemoryReportingInfoBase {
    explicit Record(c10::DeviceType of) : type(of) {}
    void reportMemoryUsage(void* /*at*/, int64_t change, size_t /*allocated*/,
                           size_t /*reserved*/, c10::Device device) override {
      if (change <= 0 || device.type() != type) return;
      ++count;
      bytes += change;
    }
    bool memoryProfilingEnabled() const override { return true; }

    const c10::DeviceType type;
    int64_t count = 0;
    int64_t bytes = 0;
  };

  const std::shared_ptr<Record> record_;
  const c10::DebugInfoGuard guard_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_WORKER_MODEL_ALLOCATIONS_H_
