#include "proto/contract/errors.h"

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "proto/contract/grpc_status.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(GrpcStatusTest, ReasonAndMessageSurviveTheRoundTrip) {
  const absl::Status sent = errors::JobNotFound("jobs/qwen");

  const absl::Status received = FromGrpcStatus(ToGrpcStatus(sent));

  EXPECT_EQ(received.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(received.message(), sent.message());
  EXPECT_EQ(ErrorReason(received), "JOB_NOT_FOUND");
}

TEST(GrpcStatusTest, AllViolationsSurviveTheRoundTrip) {
  const std::vector<FieldViolation> violations = {
      {"train.learning_rate", "-1 is not above 0"},
      {"output_dir", "is not set"}};

  const absl::Status received =
      FromGrpcStatus(ToGrpcStatus(errors::InvalidSpec(violations)));

  EXPECT_EQ(ErrorReason(received), "INVALID_SPEC");
  EXPECT_THAT(ErrorViolations(received),
              ElementsAre(violations[0], violations[1]));
}

TEST(GrpcStatusTest, DetailsAreTheShapesOfGoogleRpc) {
  const grpc::Status status = ToGrpcStatus(errors::JobExists("jobs/a"));

  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "lockstep");
  EXPECT_EQ(info.reason(), "JOB_EXISTS");
  EXPECT_EQ(info.metadata().at("name"), "jobs/a");
  EXPECT_EQ(details.code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST(GrpcStatusTest, AnErrorWithoutAReasonGetsItsCodesName) {
  const absl::Status received =
      FromGrpcStatus(ToGrpcStatus(absl::InternalError("disk on fire")));

  EXPECT_EQ(ErrorReason(received), "INTERNAL");
  EXPECT_EQ(received.message(), "disk on fire");
}

TEST(GrpcStatusTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST(GrpcStatusTest, BrokenDetailsFromAPeerAreNoReason) {
  const absl::Status received = FromGrpcStatus(grpc::Status(
      grpc::StatusCode::UNAVAILABLE, "gone", "\xff\xff not a proto"));

  EXPECT_EQ(received.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(received), "");
  EXPECT_THAT(ErrorViolations(received), IsEmpty());
}

TEST(ErrorsTest, NamedErrorsNameTheThing) {
  EXPECT_THAT(errors::JobNotFound("jobs/x").message(), HasSubstr("jobs/x"));
  EXPECT_THAT(errors::AttemptSuperseded("jobs/x", 3).message(),
              HasSubstr("attempt 3"));
  EXPECT_THAT(errors::RequestIdReused("u-1").message(), HasSubstr("u-1"));
  EXPECT_EQ(errors::StoreUnavailable("full").code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(errors::TokenMissing().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ErrorReason(errors::TokenInvalid()), "TOKEN_INVALID");
  EXPECT_EQ(ErrorReason(errors::InvalidPageToken("x")), "INVALID_PAGE_TOKEN");
  EXPECT_EQ(ErrorReason(errors::InvalidResumeToken("x")),
            "INVALID_RESUME_TOKEN");
}

TEST(ErrorsTest, AForeignStatusHasNoReason) {
  EXPECT_EQ(ErrorReason(absl::UnknownError("x")), "");
  EXPECT_EQ(ErrorReason(absl::OkStatus()), "");
}

}  // namespace
}  // namespace lockstep
