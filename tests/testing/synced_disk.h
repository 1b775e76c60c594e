#ifndef LOCKSTEP_TESTS_TESTING_SYNCED_DISK_H_
#define LOCKSTEP_TESTS_TESTING_SYNCED_DISK_H_

// What a power failure leaves of a folder: of a file, what it held when it was
// last synced; of a folder, the names that it had when it was last synced. All
// else is lost, which is the most that POSIX lets a disk lose.

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>

namespace lockstep::testing {

class SyncedDisk {
 public:
  // All that is in the folder now is on disk.
  explicit SyncedDisk(const std::string& root);

  // That file or folder is synced, as it is now. Other paths than those below
  // the root, or the root, change nothing.
  void Sync(const std::string& path);

  // What is on disk, under the name of a folder that is not there yet.
  void WriteTo(const std::string& folder) const;

 private:
  // Names change and numbers of nodes are used again; a number with its time of
  // birth is one file for good.
  using Node = std::pair<ino_t, int64_t>;
  static Node NodeOf(const std::string& path);

  void SyncAll(const std::string& folder);
  void WriteFolder(const Node& node, const std::string& to) const;

  const std::string root_;
  std::map<Node, std::string> files_;
  std::map<Node, std::map<std::string, Node>> folders_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_TESTING_SYNCED_DISK_H_
