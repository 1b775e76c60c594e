#ifndef LOCKSTEP_SERVER_SCHEDULER_DEVICE_SET_H_
#define LOCKSTEP_SERVER_SCHEDULER_DEVICE_SET_H_

// Some of a fixed number of devices, by index: a bit for each, so that a policy
// counts 64 of them in one instruction. Thread-compatible.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep {

class DeviceSet {
 public:
  DeviceSet() = default;
  explicit DeviceSet(size_t devices)
      : words_((devices + kBits - 1) / kBits, 0) {}

  bool Has(size_t device) const {
    return (words_[device / kBits] >> (device % kBits) & 1) != 0;
  }
  void Add(size_t device) { words_[device / kBits] |= BitOf(device); }
  void Remove(size_t device) { words_[device / kBits] &= ~BitOf(device); }

  // What follows takes sets of the same number of devices.
  void AddAll(const DeviceSet& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool Overlaps(const DeviceSet& other) const {
    for (size_t i = 0; i < words_.size(); ++i) {
      if ((words_[i] & other.words_[i]) != 0) return true;
    }
    return false;
  }
  // How many are in both of these, and not in the third.
  static int CountBoth(const DeviceSet& a, const DeviceSet& b,
                       const DeviceSet& not_in) {
    int count = 0;
    for (size_t i = 0; i < a.words_.size(); ++i) {
      count += std::popcount(a.words_[i] & b.words_[i] & ~not_in.words_[i]);
    }
    return count;
  }

 private:
  static constexpr size_t kBits = 64;

  static uint64_t BitOf(size_t device) {
    return uint64_t{1} << (device % kBits);
  }

  std::vector<uint64_t> words_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_SCHEDULER_DEVICE_SET_H_
