// Queues through the API: what the service itself refuses, and that the rest is
// the scheduler's word.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/contract/errors.h"
#include "proto/contract/grpc_status.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class QueueServiceTest : public ServiceFixture {
 protected:
  static v1::Queue QueueOf(const std::string& name, int cpu_quota) {
    v1::Queue queue;
    queue.set_name(name);
    queue.set_cpu_quota(cpu_quota);
    return queue;
  }
  using ServiceFixture::Create;
  absl::StatusOr<v1::Queue> Create(const v1::Queue& queue) {
    v1::CreateQueueRequest request;
    *request.mutable_queue() = queue;
    TestContext context;
    v1::Queue created;
    const grpc::Status status =
        cluster_->CreateQueue(&context, request, &created);
    if (!status.ok()) return FromGrpcStatus(status);
    return created;
  }
  absl::StatusOr<v1::Queue> Update(const v1::Queue& queue,
                                   const std::vector<std::string>& paths) {
    v1::UpdateQueueRequest request;
    *request.mutable_queue() = queue;
    for (const std::string& path : paths) {
      request.mutable_update_mask()->add_paths(path);
    }
    TestContext context;
    v1::Queue updated;
    const grpc::Status status =
        cluster_->UpdateQueue(&context, request, &updated);
    if (!status.ok()) return FromGrpcStatus(status);
    return updated;
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteQueueRequest request;
    request.set_name(name);
    TestContext context;
    google::protobuf::Empty empty;
    return FromGrpcStatus(cluster_->DeleteQueue(&context, request, &empty));
  }
  v1::ListQueuesResponse List() {
    TestContext context;
    v1::ListQueuesResponse listed;
    EXPECT_TRUE(
        cluster_->ListQueues(&context, v1::ListQueuesRequest(), &listed).ok());
    return listed;
  }
};

TEST_F(QueueServiceTest, AQueueIsMadeListedChangedAndRemoved) {
  const auto created = Create(QueueOf("queues/q", 1));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->weight(), 1);
  ASSERT_THAT(List().queues(), SizeIs(2));
  EXPECT_EQ(List().queues(0).name(), "queues/default");
  EXPECT_EQ(List().queues(1).cpu_quota(), 1);

  const auto updated = Update(QueueOf("queues/q", 2), {"cpu_quota"});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->cpu_quota(), 2);
  EXPECT_TRUE(Delete("queues/q").ok());
  EXPECT_EQ(ErrorReason(Delete("queues/q")), "QUEUE_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Delete("q")), "QUEUE_NOT_FOUND");
}

TEST_F(QueueServiceTest, AllBadFieldsAreNamed) {
  v1::Queue bad = QueueOf("q", -1);
  bad.set_weight(0);
  const absl::Status status = Create(bad).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(ErrorReason(status), "INVALID_QUEUE");
  const std::vector<FieldViolation> violations = ErrorViolations(status);
  ASSERT_THAT(violations, SizeIs(3));
  EXPECT_EQ(violations[0].field, "name");
  EXPECT_EQ(violations[1].field, "cpu_quota");
  EXPECT_EQ(violations[1].description, "-1 is below 0, the least allowed");
  EXPECT_EQ(violations[2].field, "weight");
  EXPECT_EQ(violations[2].description, "0 is not above 0 and at most 1000");
  EXPECT_EQ(ErrorReason(Update(bad, {"weight"}).status()), "INVALID_QUEUE");
}

TEST_F(QueueServiceTest, AMaskNamesWhatCanBeChanged) {
  const v1::Queue queue = QueueOf("queues/default", 1);
  EXPECT_EQ(ErrorReason(Update(queue, {}).status()), "INVALID_UPDATE_MASK");
  const absl::Status status = Update(queue, {"name"}).status();
  EXPECT_EQ(ErrorReason(status), "INVALID_UPDATE_MASK");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("\"name\" cannot be changed; gpu_quota, cpu_quota and "
                        "weight can"));
}

TEST_F(QueueServiceTest, AJobIsMovedByUpdateJob) {
  ASSERT_TRUE(Create(QueueOf("queues/q", 1)).ok());
  Create("a", 1);
  v1::UpdateJobRequest request;
  request.mutable_job()->set_name("jobs/a");
  request.mutable_job()->set_queue("q");
  request.mutable_update_mask()->add_paths("queue");
  TestContext context;
  v1::Job job;
  const grpc::Status status = jobs_->UpdateJob(&context, request, &job);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(job.queue(), "q");
  EXPECT_EQ(ErrorReason(Delete("queues/q")), "QUEUE_NOT_EMPTY");
}

}  // namespace
}  // namespace lockstep::testing
