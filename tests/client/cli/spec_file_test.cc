#include "client/cli/spec_file.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kGood[] = R"(apiVersion: lockstep/v1
name: demo
labels: {team: nlp, cost: "010"}
model: {path: models/tiny, chat_template: null}
method:
  lora: {r: 8, alpha: 16, target_modules: all-linear}
data:
  train:
    - {path: a.jsonl, columns: {prompt: question, completion: answer}}
    - {path: /abs/b.jsonl, format: text}
  eval: {path: ../eval.jsonl}
  packing: bfd
  train_on: assistant
train: {max_steps: 20, learning_rate: 2.0e-4, warmup_steps: 0.03}
resources: {device: cpu, ranks: 2}
logging: {tensorboard: false}
output_dir: out
)";

SpecFile Parse(const std::string& text) {
  return ParseSpec("job.yaml", "/home/u/jobs", text);
}

std::vector<std::string> Problems(const std::string& text) {
  const SpecFile file = Parse(text);
  std::vector<std::string> lines;
  for (const SpecProblem& problem : file.problems) {
    lines.push_back(FormatProblem(file, problem));
  }
  return lines;
}

TEST(SpecFileTest, AGoodFileFillsTheSpec) {
  SpecFile file = Parse(kGood);

  EXPECT_THAT(file.problems, IsEmpty());
  const v1::JobSpec& spec = file.spec;
  EXPECT_EQ(spec.api_version(), "lockstep/v1");
  EXPECT_EQ(spec.labels().at("cost"), "010");
  EXPECT_FALSE(spec.model().has_chat_template());
  EXPECT_EQ(spec.method().lora().r(), 8);
  EXPECT_THAT(spec.method().lora().target_modules(), ElementsAre("all-linear"));
  ASSERT_EQ(spec.data().train_size(), 2);
  EXPECT_EQ(spec.data().train(0).columns().at("prompt"), "question");
  EXPECT_EQ(spec.data().train(1).format(), v1::DataSource::FORMAT_TEXT);
  EXPECT_EQ(spec.data().packing(), v1::DataSpec::PACKING_BFD);
  EXPECT_EQ(spec.train().max_steps(), 20);
  EXPECT_EQ(spec.train().learning_rate(), 2e-4);
  EXPECT_EQ(spec.resources().ranks(), 2);
  EXPECT_TRUE(spec.logging().has_tensorboard());
  EXPECT_FALSE(spec.logging().tensorboard());
}

TEST(SpecFileTest, RelativePathsBelongToTheFilesFolder) {
  SpecFile file = Parse(kGood);
  file.spec.mutable_model()->set_adapter("ad");

  ResolvePaths(&file);

  EXPECT_EQ(file.spec.model().path(), "/home/u/jobs/models/tiny");
  EXPECT_EQ(file.spec.model().adapter(), "/home/u/jobs/ad");
  EXPECT_EQ(file.spec.data().train(0).path(), "/home/u/jobs/a.jsonl");
  EXPECT_EQ(file.spec.data().train(1).path(), "/abs/b.jsonl");
  EXPECT_EQ(file.spec.data().eval().path(), "/home/u/eval.jsonl");
  EXPECT_EQ(file.spec.output_dir(), "/home/u/jobs/out");
  CheckSpec(&file);
  EXPECT_THAT(file.problems, IsEmpty());
}

TEST(SpecFileTest, RulesAreReportedAtTheirField) {
  SpecFile file = Parse(
      "apiVersion: lockstep/v1\n"
      "model: {path: /m}\n"
      "method: {full: {}}\n"
      "data: {train: [{path: /d}]}\n"
      "train:\n"
      "  optim: lion\n"
      "output_dir: /o\n");

  CheckSpec(&file);

  ASSERT_THAT(file.problems, SizeIs(1));
  EXPECT_THAT(FormatProblem(file, file.problems[0]),
              HasSubstr("job.yaml:6:3: train.optim: lion is known"));
}

TEST(SpecFileTest, AMissingFieldIsReportedAtTheSectionAroundIt) {
  SpecFile file = Parse(
      "apiVersion: lockstep/v1\n"
      "model: {dtype: float32}\n"
      "method: {full: {}}\n"
      "data: {train: [{path: /d}]}\n"
      "output_dir: /o\n");

  CheckSpec(&file);

  ASSERT_THAT(file.problems, SizeIs(1));
  EXPECT_THAT(FormatProblem(file, file.problems[0]),
              HasSubstr("job.yaml:2:1: model.path"));
}

TEST(SpecFileTest, UnknownKeysNameTheNearest) {
  EXPECT_THAT(Problems("train:\n  lerning_rate: 1\n"),
              ElementsAre("job.yaml:2:3: train.lerning_rate: unknown field; "
                          "did you mean learning_rate?"));
}

TEST(SpecFileTest, AKeyOnTheWrongLevelIsFound) {
  EXPECT_THAT(Problems("learning_rate: 1e-4\n"),
              ElementsAre("job.yaml:1:1: learning_rate: unknown field; did you "
                          "mean train.learning_rate?"));
}

TEST(SpecFileTest, AKeyLikeNoOtherListsAll) {
  EXPECT_THAT(Problems("resources: {zzzzzzzzz: 1}\n"),
              ElementsAre("job.yaml:1:13: resources.zzzzzzzzz: unknown field; "
                          "allowed are device, ranks, gpus, timeout, priority, "
                          "preemptible, queue, gpu_model, nodes, slurm"));
  EXPECT_THAT(Problems("method: {full: {r: 1}}\n"),
              ElementsAre("job.yaml:1:17: method.full.r: unknown field; none "
                          "is allowed here"));
}

TEST(SpecFileTest, AllProblemsAreReportedInTheOrderOfTheFile) {
  EXPECT_THAT(Problems("trian: 1\nmodel: {paht: x}\noutput_dri: y\n"),
              ElementsAre(HasSubstr(":1:1: trian"), HasSubstr(":2:9: model.p"),
                          HasSubstr(":3:1: output_dri")));
}

TEST(SpecFileTest, TheProtosSpellingOfApiVersionIsNotAnother) {
  EXPECT_THAT(Problems("api_version: lockstep/v1\n"),
              ElementsAre(HasSubstr("did you mean apiVersion?")));
}

// What YAML lets pass, or two versions of YAML read in two ways.
struct Trap {
  const char* name;
  const char* text;
  const char* problem;
};

class SpecFileTrapTest : public ::testing::TestWithParam<Trap> {};

TEST_P(SpecFileTrapTest, IsRefused) {
  EXPECT_THAT(Problems(GetParam().text),
              ElementsAre(HasSubstr(GetParam().problem)));
}

INSTANTIATE_TEST_SUITE_P(
    Traps, SpecFileTrapTest,
    ::testing::Values(
        Trap{"DuplicateKey", "data:\n  max_length: 8\n  max_length: 9\n",
             "job.yaml:3:3: data.max_length: is given twice"},
        Trap{"DuplicateLabel", "labels: {a: x, a: y}", "labels.a: is given"},
        Trap{"MergeKey", "a: &a {max_steps: 1}\n", "unknown field"},
        Trap{"MergeInto", "train:\n  <<: {max_steps: 1}\n",
             "merge keys are not read"},
        Trap{"Octal", "data: {max_length: 010}",
             "010 has leading zeros; write the number without them"},
        Trap{"OctalReal", "train: {learning_rate: 01}", "leading zeros"},
        Trap{"Underscore", "data: {max_length: 1_000}",
             "1_000 is not a whole number"},
        Trap{"Hex", "data: {max_length: 0x10}", "0x10 is not a whole number"},
        Trap{"QuotedInteger", "data: {max_length: \"8\"}",
             "\"8\" is not a whole number; write it without quotes"},
        Trap{"QuotedReal", "train: {learning_rate: '1e-4'}",
             "is not a number; write it without quotes"},
        Trap{"QuotedBool", "data: {shuffle: \"true\"}", "true or false"},
        Trap{"Yes", "data: {shuffle: yes}",
             "job.yaml:1:17: data.shuffle: yes is not true or false"},
        Trap{"On", "data: {shuffle: on}", "on is not true or false"},
        Trap{"UpperTrue", "data: {shuffle: True}", "True is not"},
        Trap{"RealAsInteger", "data: {max_length: 8.0}", "whole number"},
        Trap{"ExponentAsInteger", "data: {max_length: 1e3}", "whole number"},
        Trap{"Int32", "data: {max_length: 3000000000}",
             "is not between -2147483648 and 2147483647"},
        Trap{"Int64", "train: {max_steps: 99999999999999999999}",
             "is not between"},
        Trap{"Nan", "train: {learning_rate: .nan}", ".nan is not a finite"},
        Trap{"Infinity", "train: {learning_rate: .inf}", "finite number"},
        Trap{"HugeReal", "train: {learning_rate: 1e999}", "finite number"},
        Trap{"Word", "train: {learning_rate: fast}", "fast is not a finite"},
        Trap{"EnumWord", "data: {packing: bdf}",
             "\"bdf\" is not one of none, bfd, wrapped; did you mean bfd?"},
        Trap{"EnumUpper", "data: {packing: PACKING_BFD}", "is not one of"},
        Trap{"EnumList", "data: {packing: [bfd]}",
             "is a list; one value is needed"},
        Trap{"ListAsMapping", "data: {train: {path: x}}",
             "is a mapping; a list is needed, as in data.train: [{...}]"},
        Trap{"ItemAsText", "data: {train: [x.jsonl]}",
             "data.train[0]: is \"x.jsonl\"; a mapping is needed"},
        Trap{"SectionAsText", "model: /models/x",
             "model: is \"/models/x\"; a mapping is needed"},
        Trap{"EmptySection", "method:\n  full:\n",
             "method.full: is empty; a mapping is needed, as in method.full: "
             "{}"},
        Trap{"LabelList", "labels: [a]", "labels: is a list; a mapping"},
        Trap{"LabelNested", "labels: {a: {b: c}}",
             "labels.a: is a mapping; a text is needed"},
        Trap{"KeyIsAList", "? [a, b]\n: c\n", "a key is a list"},
        Trap{"Duration", "resources: {timeout: 24}",
             "24 is not a time like 90s"},
        Trap{"DurationList", "resources: {timeout: [1s]}", "is not a time"},
        Trap{"TopLevelList", "- a\n- b\n", "is a list; a mapping is needed"},
        Trap{"TopLevelText", "hello", "is \"hello\"; a mapping is needed"},
        Trap{"Empty", "", "is empty; the least is apiVersion"},
        Trap{"OnlyComment", "# nothing\n", "is empty"},
        Trap{"TwoDocuments", "a: 1\n---\nb: 2\n", "holds 2 documents"},
        Trap{"Syntax", "model: {path: x\n", "job.yaml:"},
        Trap{"Tab", "model:\n\tpath: x\n", "job.yaml:2:"},
        Trap{"NotUtf8", "name: a\nlabels: {a: \xff}\n",
             "job.yaml:2:13: this byte is not UTF-8"},
        Trap{"Surrogate", "name: \xed\xa0\x80", "not UTF-8"},
        Trap{"Overlong", "name: \xc0\xaf", "not UTF-8"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SpecFileTest, DurationsAreRead) {
  const SpecFile file = Parse("resources: {timeout: 1h30m}");

  EXPECT_THAT(file.problems, IsEmpty());
  EXPECT_EQ(file.spec.resources().timeout().seconds(), 5400);
}

TEST(SpecFileTest, AnchorsAreRead) {
  const SpecFile file = Parse("data: {train: [&a {path: x}], eval: *a}\n");

  EXPECT_THAT(file.problems, IsEmpty());
  EXPECT_EQ(file.spec.data().eval().path(), "x");
}

TEST(SpecFileTest, AHugeFileIsRefusedUnparsed) {
  EXPECT_THAT(Problems(std::string(70000, '#')),
              ElementsAre("job.yaml: more than 65536 bytes"));
}

TEST(SpecFileTest, DeepNestingIsRefused) {
  EXPECT_THAT(Problems(std::string(30000, '[')), SizeIs(1));
}

TEST(ReadSpecFileTest, AMissingFileIsNamed) {
  const auto file = ReadSpecFile("/nonexistent/job.yaml");

  EXPECT_TRUE(absl::IsInvalidArgument(file.status()));
  EXPECT_THAT(file.status().message(),
              HasSubstr("/nonexistent/job.yaml: cannot be read: No such file"));
}

TEST(ReadSpecFileTest, AFolderIsNoFile) {
  EXPECT_THAT(ReadSpecFile("/tmp").status().message(),
              HasSubstr("/tmp: is a folder"));
}

TEST(ReadSpecFileTest, TheFolderIsTheFilesOwn) {
  const std::string path = ::testing::TempDir() + "/read_spec_file.yaml";
  std::ofstream(path) << "output_dir: out\n";

  auto file = ReadSpecFile(path);

  ASSERT_TRUE(file.ok());
  ResolvePaths(&*file);
  EXPECT_THAT(file->spec.output_dir(), HasSubstr("/out"));
  EXPECT_EQ(file->spec.output_dir()[0], '/');
  EXPECT_EQ(file->name, path);
}

}  // namespace
}  // namespace lockstep::cli
