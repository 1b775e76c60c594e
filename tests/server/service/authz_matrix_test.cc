// Every RPC that the protos describe, called by every kind of caller through
// the real services: who is let in is what the table says, and whoever is not
// learns by name why. An RPC that is added is in the test at once.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "google/protobuf/dynamic_message.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "tests/server/service/service_fixture.h"

namespace lockstep::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;

// By the name of the caller.
using Outcomes = std::map<std::string, std::string>;

constexpr char kLetIn[] = "let in";

Outcomes Expected(AccessRule rule) {
  Outcomes outcomes = {{"without a token", "TOKEN_MISSING"},
                       {"stranger", "TOKEN_INVALID"},
                       {"expired", "TOKEN_EXPIRED"},
                       {"revoked", "TOKEN_REVOKED"},
                       {"viewer", kLetIn},
                       {"other user", kLetIn},
                       {"owner", kLetIn},
                       {"admin", kLetIn},
                       {"worker", "TOKEN_INVALID"}};
  switch (rule) {
    case AccessRule::kAnybody:
      for (auto& [caller, outcome] : outcomes) outcome = kLetIn;
      break;
    case AccessRule::kWorker:
      for (auto& [caller, outcome] : outcomes) {
        if (outcome != "TOKEN_MISSING") outcome = "TOKEN_INVALID";
      }
      outcomes["worker"] = kLetIn;
      break;
    case AccessRule::kAdmin:
      outcomes["other user"] = outcomes["owner"] = "ROLE_TOO_LOW";
      [[fallthrough]];
    case AccessRule::kUser:
      outcomes["viewer"] = "ROLE_TOO_LOW";
      break;
    case AccessRule::kOwner:
      outcomes["viewer"] = "ROLE_TOO_LOW";
      outcomes["other user"] = "NOT_JOB_OWNER";
      break;
    case AccessRule::kViewer:
      break;
  }
  return outcomes;
}

std::vector<const MethodDescriptor*> AllMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const FileDescriptor* file :
       {v1::CreateJobRequest::descriptor()->file(),
        v1::ListNodesRequest::descriptor()->file(),
        worker::v1::JoinRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        methods.push_back(file->service(s)->method(m));
      }
    }
  }
  return methods;
}

// Sets `field`, and the name below it, where the message has such a field.
void SetName(Message& message, const std::string& value) {
  const auto* field = message.GetDescriptor()->FindFieldByName("name");
  if (field != nullptr) {
    message.GetReflection()->SetString(&message, field, value);
  }
}

void SetNested(Message& message, const std::string& field_name,
               const std::string& value) {
  const auto* field = message.GetDescriptor()->FindFieldByName(field_name);
  if (field == nullptr) return;
  SetName(*message.GetReflection()->MutableMessage(&message, field), value);
}

class AuthzMatrixTest : public ServiceFixture {
 protected:
  AuthzMatrixTest()
      : stub_(server_->InProcessChannel(grpc::ChannelArguments())) {
    CreateFor("worked-on");
    worker_token_ = launcher_.WaitForLaunch({"jobs/worked-on", 0}).token;
  }

  void CreateFor(const std::string& id) {
    TestContext context("alice-token");
    v1::Job job;
    const grpc::Status status =
        jobs_->CreateJob(&context, GoodRequest(id), &job);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(job.owner(), "alice");
  }

  // One that would be served: it names that job. A worker's is of an attempt
  // that its token does not open.
  std::string RequestOf(const MethodDescriptor& method, const std::string& id) {
    if (method.name() == "CreateJob") {
      return GoodRequest("").SerializeAsString();
    }
    if (method.name() == "UpdateCheckpoint") {
      v1::UpdateCheckpointRequest request;
      request.mutable_checkpoint()->set_name("jobs/" + id + "/checkpoints/1");
      request.mutable_update_mask()->add_paths("pinned");
      return request.SerializeAsString();
    }
    google::protobuf::DynamicMessageFactory factory;
    const std::unique_ptr<Message> request(
        factory.GetPrototype(method.input_type())->New());
    SetName(*request, "jobs/" + id);
    SetNested(*request, "job", "jobs/" + id);
    return request->SerializeAsString();
  }

  // The reason of a refusal; a stream is left at its first message.
  std::string Call(const MethodDescriptor& method, const std::string& request,
                   const std::string& token) {
    TestContext context(token);
    grpc::CompletionQueue queue;
    const std::string path =
        absl::StrCat("/", method.service()->full_name(), "/", method.name());
    const auto call = stub_.PrepareCall(&context, path, &queue);
    const auto wait = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    call->StartCall(this);
    wait();
    const grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), this);
    wait();
    grpc::ByteBuffer response;
    call->Read(&response, this);
    const bool answered = wait();
    if (answered) context.TryCancel();
    grpc::Status status;
    call->Finish(&status, this);
    wait();
    if (answered) return kLetIn;
    switch (status.error_code()) {
      case grpc::StatusCode::UNAUTHENTICATED:
      case grpc::StatusCode::PERMISSION_DENIED:
        return Reason(status);
      case grpc::StatusCode::UNIMPLEMENTED:
        return "not served";
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return "no answer";
      default:
        return kLetIn;
    }
  }

  const std::vector<std::pair<std::string, std::string>> Callers() const {
    return {{"without a token", ""},     {"stranger", "nonsense"},
            {"expired", "erin-token"},   {"revoked", "rob-token"},
            {"viewer", "vera-token"},    {"worker", worker_token_},
            {"other user", "bob-token"}, {"owner", "alice-token"},
            {"admin", "root-token"}};
  }

  grpc::GenericStub stub_;
  std::string worker_token_;
};

TEST_F(AuthzMatrixTest, EveryRpcLetsInWhomItsRowSaysAndNobodyElse) {
  int calls = 0;
  int not_served = 0;
  for (const MethodDescriptor* method : AllMethods()) {
    const std::string name =
        absl::StrCat(method->service()->full_name(), "/", method->name());
    const auto rule = Access::RuleOf(name);
    ASSERT_TRUE(rule.has_value()) << name;
    // What is done to one job must not change what the next call finds.
    const std::string id = absl::StrCat("of-", calls);
    if (*rule == AccessRule::kOwner) CreateFor(id);
    const std::string request = RequestOf(*method, id);
    Outcomes outcomes;
    for (const auto& [caller, token] : Callers()) {
      outcomes[caller] = Call(*method, request, token);
      ++calls;
    }
    if (outcomes["admin"] == "not served") {
      ++not_served;
      continue;
    }
    EXPECT_EQ(outcomes, Expected(*rule)) << name;
  }
  EXPECT_LT(not_served, 10);
  std::cout << "authz_matrix: " << calls << " calls of " << AllMethods().size()
            << " RPCs, of which " << not_served << " are not served\n";
}

// The comment over an RPC in its .proto file, on one line.
std::string CommentOf(const MethodDescriptor& method) {
  std::ifstream file(absl::StrCat(std::getenv("LOCKSTEP_SOURCE_DIR"), "/proto/",
                                  method.file()->name()));
  std::string comment;
  for (std::string line; std::getline(file, line);) {
    absl::string_view words = absl::StripAsciiWhitespace(line);
    if (absl::ConsumePrefix(&words, "//")) {
      absl::StrAppend(&comment, words);
    } else if (absl::StartsWith(words,
                                absl::StrCat("rpc ", method.name(), "("))) {
      return comment;
    } else {
      comment.clear();
    }
  }
  return "";
}

TEST(AuthzCommentTest, TellsWhoIsRefused) {
  for (const MethodDescriptor* method : AllMethods()) {
    const AccessRule rule = *Access::RuleOf(
        absl::StrCat(method->service()->full_name(), "/", method->name()));
    const std::string comment = CommentOf(*method);
    ASSERT_FALSE(comment.empty()) << method->full_name();
    const auto tells = [&comment](absl::string_view words) {
      return absl::StrContains(comment, words);
    };
    EXPECT_EQ(tells("ROLE_TOO_LOW below an admin"), rule == AccessRule::kAdmin)
        << method->full_name();
    EXPECT_EQ(tells("ROLE_TOO_LOW below a user"),
              rule == AccessRule::kUser || rule == AccessRule::kOwner)
        << method->full_name();
    EXPECT_EQ(tells("NOT_JOB_OWNER"), rule == AccessRule::kOwner)
        << method->full_name();
  }
}

}  // namespace
}  // namespace lockstep::testing
