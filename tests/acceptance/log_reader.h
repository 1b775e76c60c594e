#ifndef LOCKSTEP_TESTS_ACCEPTANCE_LOG_READER_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_LOG_READER_H_

// Whoever follows the log of rank 0 of a job's first attempt all the time, from
// one coordinator to the next.

#include <memory>
#include <string>

#include "tests/acceptance/stream_follower.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {

class LogReader {
 public:
  LogReader(const TestCluster& cluster, const std::string& id);

  // All that came, once the stream came to a good end: that of the attempt.
  std::string Finish();

 private:
  bool ReadStream(grpc::ClientContext& context);

  const std::string name_;
  const std::unique_ptr<v1::JobService::Stub> jobs_;
  // Of the follower's thread.
  std::string token_;
  std::string text_;
  StreamFollower follower_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_LOG_READER_H_
