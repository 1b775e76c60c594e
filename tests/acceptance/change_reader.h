#ifndef LOCKSTEP_TESTS_ACCEPTANCE_CHANGE_READER_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_CHANGE_READER_H_

// Whoever watches a job all the time, from one coordinator to the next, and
// wants every change since it was made.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/acceptance/stream_follower.h"
#include "tests/integration/test_cluster.h"

namespace lockstep::testing {

class ChangeReader {
 public:
  ChangeReader(const TestCluster& cluster, const std::string& id);

  // The sequence numbers of all changes that came, up to the job's end.
  std::vector<int64_t> Finish();

 private:
  bool ReadStream(grpc::ClientContext& context);

  const std::string name_;
  const std::unique_ptr<v1::JobService::Stub> jobs_;
  // Of the follower's thread. Before the first entry of the journal.
  std::string token_ = "0";
  std::vector<int64_t> sequences_;
  StreamFollower follower_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_CHANGE_READER_H_
