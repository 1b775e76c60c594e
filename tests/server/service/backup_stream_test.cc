#include "server/service/backup_stream.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep {
namespace {

using ::lockstep::testing::ServiceFixture;
using ::lockstep::testing::TestContext;
using ::testing::HasSubstr;

class BackupStreamTest : public ServiceFixture {
 protected:
  // Reads to the end; the bytes.
  std::string Read(grpc::ClientReader<v1::BackupStoreResponse>& reader,
                   grpc::Status* status) {
    std::string bytes;
    v1::BackupStoreResponse piece;
    while (reader.Read(&piece)) {
      EXPECT_LE(piece.data().size(), 1u << 20);
      EXPECT_EQ(piece.total_bytes(), static_cast<int64_t>(backup_.text.size()));
      bytes += piece.data();
    }
    *status = reader.Finish();
    return bytes;
  }
  std::string ReadAll(grpc::Status* status) {
    TestContext context;
    const auto reader =
        cluster_->BackupStore(&context, v1::BackupStoreRequest());
    return Read(*reader, status);
  }
  bool CopyExists() const {
    return std::filesystem::exists(dir_.Path("backup.tmp"));
  }
};

TEST_F(BackupStreamTest, SendsTheWholeCopyAndLeavesNothing) {
  backup_.text = std::string(2'500'000, 'a') + "the end";
  grpc::Status status;
  EXPECT_EQ(ReadAll(&status), backup_.text);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(CopyExists());
  // What a coordinator that died left is replaced.
  std::ofstream(dir_.Path("backup.tmp")) << "half";
  EXPECT_EQ(ReadAll(&status), backup_.text);
}

TEST_F(BackupStreamTest, OneAtATime) {
  // More than fits on the way to a client that does not read.
  backup_.text = std::string(64 << 20, 'a');
  TestContext context;
  const auto reader = cluster_->BackupStore(&context, v1::BackupStoreRequest());
  v1::BackupStoreResponse piece;
  ASSERT_TRUE(reader->Read(&piece));
  EXPECT_FALSE(CopyExists());
  grpc::Status status;
  EXPECT_EQ(ReadAll(&status), "");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Reason(status), "BACKUP_RUNNING");
  size_t size = piece.data().size();
  size += Read(*reader, &status).size();
  EXPECT_EQ(size, backup_.text.size());
  EXPECT_TRUE(status.ok());
}

TEST_F(BackupStreamTest, SaysWhyItFails) {
  backup_.error = absl::ResourceExhaustedError("disk is full");
  grpc::Status status;
  ReadAll(&status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Reason(status), "BACKUP_FAILED");
  EXPECT_THAT(status.error_message(), HasSubstr("disk is full"));
  EXPECT_FALSE(CopyExists());
}

TEST_F(BackupStreamTest, SaysWhichFolderCannotBeWritten) {
  options_.state_dir = dir_.Path("none");
  grpc::Status status;
  ReadAll(&status);
  EXPECT_EQ(Reason(status), "BACKUP_FAILED");
  EXPECT_THAT(status.error_message(), HasSubstr("none/backup.tmp"));
}

TEST_F(BackupStreamTest, WantsAToken) {
  TestContext context("");
  const auto reader = cluster_->BackupStore(&context, v1::BackupStoreRequest());
  grpc::Status status;
  Read(*reader, &status);
  EXPECT_EQ(Reason(status), "TOKEN_MISSING");
}

}  // namespace
}  // namespace lockstep
