// What -o json prints is a promise: the keys of each command and their types
// are committed (tests/testdata/cli/json_keys.txt). A coordinator that plays a
// part has every field set. And how long the quick commands take.

#include <sys/resource.h>

#include <algorithm>
#include <iostream>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_job_service.h"
#include "tests/integration/process.h"
#include "tests/testing/address_sanitizer.h"

namespace lockstep::testing {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;

void Fill(Message* message);

void FillField(const FieldDescriptor& field, Message* message) {
  const Reflection& at = *message->GetReflection();
  const bool list = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      Fill(list ? at.AddMessage(message, &field)
                : at.MutableMessage(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      list ? at.AddString(message, &field, "k")
           : at.SetString(message, &field, "k");
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      list ? at.AddInt32(message, &field, 1) : at.SetInt32(message, &field, 1);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      list ? at.AddInt64(message, &field, 1) : at.SetInt64(message, &field, 1);
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      list ? at.AddUInt64(message, &field, 1)
           : at.SetUInt64(message, &field, 1);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      list ? at.AddDouble(message, &field, 1)
           : at.SetDouble(message, &field, 1);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      list ? at.AddBool(message, &field, true)
           : at.SetBool(message, &field, true);
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      list ? at.AddEnumValue(message, &field, 1)
           : at.SetEnumValue(message, &field, 1);
      break;
    default:
      FAIL() << field.full_name() << " has a type this test cannot set";
  }
}

// Sets every field; of a oneof the last.
void Fill(Message* message) {
  const auto* type = message->GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    FillField(*type->field(i), message);
  }
}

// "a.b[].c string" for every value; not deeper than `depth` names.
void AddKeys(const nlohmann::json& value, const std::string& path, int depth,
             std::set<std::string>& keys) {
  if (value.is_object() && !value.empty() && depth > 0) {
    for (const auto& [key, below] : value.items()) {
      AddKeys(below, absl::StrCat(path, path.empty() ? "" : ".", key),
              depth - 1, keys);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const auto& item : value) AddKeys(item, path + "[]", depth, keys);
  } else {
    keys.insert(absl::StrCat(path, " ", value.type_name()));
  }
}

class LockstepJsonTest : public ::testing::Test {
 protected:
  LockstepJsonTest() {
    v1::Job job;
    Fill(&job);
    job.set_name("jobs/demo");
    job.set_state(v1::Job::SUCCEEDED);
    coordinator_.jobs.jobs["jobs/demo"] = job;
    job.set_name("jobs/other");
    job.mutable_spec()->set_output_dir("elsewhere");
    job.set_state(v1::Job::FAILED);
    coordinator_.jobs.jobs["jobs/other"] = job;
    Fill(&coordinator_.jobs.changes.emplace_back());
    *coordinator_.jobs.changes[0].mutable_job() =
        coordinator_.jobs.jobs["jobs/demo"];
    Fill(&coordinator_.jobs.points.emplace_back());
    Fill(&coordinator_.jobs.events.emplace_back());
    Fill(&coordinator_.jobs.checkpoints.emplace_back());
    Fill(&coordinator_.jobs.explanation);
    coordinator_.jobs.log = "line\n";
    Fill(&coordinator_.cluster.nodes.emplace_back());
    Fill(&coordinator_.cluster.info);
    Fill(&coordinator_.cluster.config);
    Fill(&coordinator_.cluster.queues.emplace_back());
    WriteFile(JobFile(),
              "{apiVersion: lockstep/v1, name: k, model: {path: /m}, method: "
              "{lora: {}}, data: {train: [{path: /d}]}, output_dir: /o}");
    WriteFile(Config(),
              "{current: k, contexts: [{name: k, server: s, "
              "token_file: t, tls_ca: c, tls_cert: c, tls_key: k}]}");
  }

  std::string JobFile() const { return coordinator_.folder() + "/job.yaml"; }
  std::string Config() const { return coordinator_.folder() + "/config.yaml"; }

  RunResult Lockstep(std::vector<std::string> args) {
    args.insert(args.begin(), BinDir() + "/lockstep");
    return RunProgram(args, {{"LOCKSTEP_SERVER", coordinator_.address()},
                             {"LOCKSTEP_CONFIG", Config()}});
  }

  // One document, or one a line.
  std::set<std::string> KeysOf(const std::string& command, int depth) {
    std::vector<std::string> args = absl::StrSplit(command, ' ');
    args.insert(args.end(), {"-o", "json"});
    const RunResult run = Lockstep(args);
    EXPECT_EQ(run.exit_code, 0) << command << ": " << run.err;
    std::set<std::string> keys;
    if (nlohmann::json::accept(run.out)) {
      AddKeys(nlohmann::json::parse(run.out), "", depth, keys);
      return keys;
    }
    for (const absl::string_view line :
         absl::StrSplit(run.out, '\n', absl::SkipEmpty())) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      EXPECT_TRUE(json.is_object()) << command << ": " << line;
      AddKeys(json, "", depth, keys);
    }
    return keys;
  }

  FakeCoordinator coordinator_;
};

TEST_F(LockstepJsonTest, AnErrorNamesTheCall) {
  const std::vector<std::string> get = {"jobs", "get", "none"};
  EXPECT_THAT(Lockstep({"jobs", "get", "none", "-o", "json"}).err,
              HasSubstr("\"request_id\":\"fake-7\""));
  // For people only where they may have to ask.
  EXPECT_THAT(Lockstep(get).err, Not(HasSubstr("fake-7")));
  coordinator_.jobs.get_error = absl::InternalError("the store is upset");
  EXPECT_EQ(Lockstep(get).err,
            "error: the store is upset\n  request: fake-7\n");
}

TEST_F(LockstepJsonTest, KeysAreThoseThatWerePromised) {
  // Of those that print jobs one has them whole.
  const std::map<std::string, int> commands = {
      {"jobs get demo", 9},
      {"jobs list", 2},
      {"jobs describe demo", 2},
      {"jobs diff demo other", 9},
      {"explain demo", 9},
      {"events", 9},
      {"logs demo", 9},
      {"logs demo --rank all", 9},
      {"metrics demo", 9},
      {"nodes list", 9},
      {"checkpoints list demo", 9},
      {"server status", 9},
      {"server config", 9},
      {"watch demo", 2},
      {"context list", 9},
      {"version", 9},
      {"queues list", 9},
      {"queues create k", 9},
      {"queues update k --weight 2", 9},
      {"checkpoints pin demo 40", 9},
      {"checkpoints unpin demo 40", 9},
      {"nodes drain d --reason r", 9},
      {"nodes undrain d", 9},
      {"server drain", 9},
      {"submit " + JobFile(), 1},
      {"validate " + JobFile(), 1},
      {"wait demo", 1},
      {"jobs cancel demo", 1},
      {"jobs pause demo", 1},
      {"jobs resume demo", 1},
      {"jobs retry other", 1},
      {"jobs label demo a=b", 1},
      {"jobs set-priority demo low", 1},
      {"jobs set-queue demo k", 1}};
  std::string text;
  for (const auto& [command, depth] : commands) {
    for (const std::string& key : KeysOf(command, depth)) {
      absl::StrAppend(&text,
                      absl::StrReplaceAll(command, {{JobFile(), "FILE"}}), ": ",
                      key, "\n");
    }
  }
  const std::string golden = SourceDir() + "/tests/testdata/cli/json_keys.txt";
  const std::string found = ::testing::TempDir() + "/json_keys.txt";
  WriteFile(found, text);
  EXPECT_EQ(text, ReadFile(golden))
      << "if that is what is wanted: cp " << found << " " << golden
      << "\nA key that went away breaks people's scripts: CHANGELOG.md";
}

TEST_F(LockstepJsonTest, ATraceIsPassedOnIfItIsOne) {
  const std::string trace =
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const std::string& given : {std::string("00-0-0-0"), trace}) {
    RunProgram(
        {BinDir() + "/lockstep", "jobs", "get", "demo"},
        {{"LOCKSTEP_SERVER", coordinator_.address()}, {"TRACEPARENT", given}});
    EXPECT_EQ(coordinator_.jobs.traceparent(), given == trace ? trace : "");
  }
}

TEST_F(LockstepJsonTest, AWrongCommandLineIsAnObjectToo) {
  const std::vector<std::vector<std::string>> wrong = {
      {"jobs", "lsit", "-o", "json"},
      {"--output=json", "jobs", "list", "--limit", "many"},
      {"-ojson", "logs"}};
  for (const std::vector<std::string>& args : wrong) {
    const RunResult run = Lockstep(args);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.out, "");
    const auto json = nlohmann::json::parse(run.err, nullptr, false);
    ASSERT_TRUE(json.is_object()) << run.err;
    EXPECT_TRUE(json["message"].is_string());
    EXPECT_THAT(json["hint"].get<std::string>(), HasSubstr("--help"));
  }
  EXPECT_THAT(
      Lockstep({"jobs", "lsit"}).err,
      HasSubstr("error: unknown command \"lockstep jobs lsit\"; did you "
                "mean list?\n  hint: lockstep --help"));
}

TEST_F(LockstepJsonTest, ErrorsHaveTheirKeys) {
  const RunResult run = Lockstep({"jobs", "get", "nobody", "-o", "json"});
  const auto json = nlohmann::json::parse(run.err);
  EXPECT_EQ(json["code"], "NOT_FOUND");
  EXPECT_EQ(json["reason"], "JOB_NOT_FOUND");
  EXPECT_THAT(json["message"].get<std::string>(), HasSubstr("nobody"));
  EXPECT_TRUE(json["hint"].is_string());
}

// CPU time that ended children took, the test's own program among them.
double ChildSeconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Cost {
  double cpu_ms = std::numeric_limits<double>::infinity();
  double wall_ms = std::numeric_limits<double>::infinity();
};

TEST_F(LockstepJsonTest, QuickCommandsAreQuick) {
  for (int i = 0; i < 1000; ++i) {
    const std::string name = absl::StrCat("jobs/job-", i);
    v1::Job& job = coordinator_.jobs.jobs[name];
    job = coordinator_.jobs.jobs["jobs/demo"];
    job.set_name(name);
  }
  const std::map<std::string, double> limits_ms = {
      {"--help", 30}, {"version", 30}, {"jobs list --limit 1000", 100}};
  for (const auto& [command, limit_ms] : limits_ms) {
    Cost least;
    for (int i = 0; i < 10; ++i) {
      const double cpu = ChildSeconds();
      const absl::Time begin = absl::Now();
      EXPECT_EQ(Lockstep(absl::StrSplit(command, ' ')).exit_code, 0);
      least.wall_ms = std::min(least.wall_ms,
                               absl::ToDoubleMilliseconds(absl::Now() - begin));
      least.cpu_ms = std::min(least.cpu_ms, (ChildSeconds() - cpu) * 1e3);
    }
    std::cout << "lockstep " << command << ": " << least.wall_ms
              << " ms, of which CPU " << least.cpu_ms << " ms\n";
    // On a machine that others use even CPU time may double.
    EXPECT_THAT(least.cpu_ms, Le((kAddressSanitizer ? 20 : 3) * limit_ms))
        << command;
  }
}

}  // namespace
}  // namespace lockstep::testing
