#ifndef LOCKSTEP_SERVER_STORE_STORE_CHECK_H_
#define LOCKSTEP_SERVER_STORE_STORE_CHECK_H_

// SQLite's check of every page of a store's file, on a thread of its own beside
// the one that reads its rows. It has a connection of its own, which sees the
// file alone: nobody may write it, or have a part of it in a write-ahead log,
// until Wait has returned. Used by one thread.

#include <string>
#include <thread>

#include "absl/status/status.h"

namespace lockstep {

class StoreCheck {
 public:
  // Begins at once.
  explicit StoreCheck(std::string path);
  // Waits.
  ~StoreCheck();
  StoreCheck(const StoreCheck&) = delete;
  StoreCheck& operator=(const StoreCheck&) = delete;

  // DATA_LOSS with what was found first.
  absl::Status Wait();

 private:
  const std::string path_;
  absl::Status found_;
  std::thread thread_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STORE_STORE_CHECK_H_
