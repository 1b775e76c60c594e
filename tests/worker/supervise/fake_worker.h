#ifndef LOCKSTEP_TESTS_WORKER_SUPERVISE_FAKE_WORKER_H_
#define LOCKSTEP_TESTS_WORKER_SUPERVISE_FAKE_WORKER_H_

// A folder with a shell script in the place of lockstep-worker. Its behaviour
// by rank is in files named rank-R.sh; `say` and `await` are FIFOs, so that a
// test and its ranks wait for each other without sleeping.

#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace lockstep::testing {

class FakeWorker {
 public:
  FakeWorker() {
    std::string pattern = ::testing::TempDir() + "/supervise-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    Write("worker", R"sh(#!/bin/bash
cd "$(dirname "$0")"
say() { echo "$2" > "$1"; }
await() { read line < "$1"; }
stop_with() { sleep 600 & s=$!; trap "kill $s; exit $1" TERM; }
while [ "$1" != --rank ]; do shift; done
. ./rank-$2.sh
)sh");
    chmod((dir_ + "/worker").c_str(), 0755);
    Write("token", "secret\n");
  }
  ~FakeWorker() { (void)!system(("rm -rf '" + dir_ + "'").c_str()); }

  const std::string& dir() const { return dir_; }
  std::string program() const { return dir_ + "/worker"; }

  void Rank(int rank, const std::string& script) {
    Write("rank-" + std::to_string(rank) + ".sh", script + "\n");
  }
  void Fifo(const std::string& name) {
    ASSERT_EQ(mkfifo((dir_ + "/" + name).c_str(), 0600), 0);
  }
  // Blocks until a rank says something there.
  std::string Await(const std::string& fifo) const { return Read(fifo); }
  void Say(const std::string& fifo) const { Write(fifo, "go\n"); }

  std::string Read(const std::string& name) const {
    std::ifstream file(dir_ + "/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name) << text;
  }

 private:
  std::string dir_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_SUPERVISE_FAKE_WORKER_H_
