#include "worker/io/input_files.h"

#include <filesystem>

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/sha256.h"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using testing::Fails;
using testing::FixturePath;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedTempDir;
using testing::WriteText;

class InputFilesTest : public ::testing::Test {
 protected:
  InputFilesTest() {
    fs::copy(FixturePath("models/tiny-qwen2"), model_);
    prepared_ = Digest();
  }

  InputFiles Digest() const {
    const auto inputs = DigestInputs(model_, "");
    EXPECT_THAT(inputs, IsOk());
    return inputs.value_or(InputFiles());
  }
  void ExpectChanged(const std::string& name, const std::string& how) {
    const std::string path = model_ + "/" + name;
    EXPECT_THAT(CheckSameInputs(prepared_, Digest()),
                Fails(absl::StatusCode::kFailedPrecondition, Parts{path, how}));
  }

  ScopedTempDir dir_;
  const std::string model_ = dir_.Path("model");
  InputFiles prepared_;
};

TEST_F(InputFilesTest, AreAllThatARunReads) {
  const std::string adapter = FixturePath("adapters/tiny-qwen2-r8-rs");
  std::vector<std::string> told;

  const auto inputs = DigestInputs(
      model_, adapter, [&](const std::string& path) { told.push_back(path); });

  ASSERT_THAT(inputs, IsOk());
  std::vector<std::string> paths;
  for (const v1::InputFile& input : *inputs) {
    EXPECT_EQ(input.sha256(), Sha256Hex(ReadText(input.path())));
    paths.push_back(input.path());
  }
  EXPECT_EQ(paths, told);
  EXPECT_EQ(
      paths,
      (std::vector<std::string>{
          model_ + "/model-00001-of-00002.safetensors",
          model_ + "/model-00002-of-00002.safetensors", model_ + "/config.json",
          model_ + "/tokenizer.json", model_ + "/tokenizer_config.json",
          model_ + "/chat_template.jinja", model_ + "/generation_config.json",
          adapter + "/adapter_config.json",
          adapter + "/adapter_model.safetensors"}));
}

TEST_F(InputFilesTest, WhatIsAsItWasAgrees) {
  EXPECT_THAT(CheckSameInputs(prepared_, Digest()), IsOk());
}

TEST_F(InputFilesTest, OneByteOfWeightsIsAChange) {
  std::string weights = ReadText(prepared_[1].path());
  weights.back() ^= 1;
  WriteText(prepared_[1].path(), weights);

  ExpectChanged("model-00002-of-00002.safetensors", "has changed");
}

TEST_F(InputFilesTest, AFileThatIsGoneIsAChange) {
  fs::remove(model_ + "/generation_config.json");

  ExpectChanged("generation_config.json", "is gone");
}

TEST_F(InputFilesTest, AFileThatIsNewIsAChange) {
  WriteText(model_ + "/special_tokens_map.json", "{}");

  ExpectChanged("special_tokens_map.json", "is new");
}

TEST_F(InputFilesTest, AModelHasTheSameDigestWhateverItsTokenizer) {
  const std::string before = DigestOfModel(prepared_, model_);
  WriteText(model_ + "/tokenizer_config.json", "{}");
  EXPECT_EQ(DigestOfModel(Digest(), model_), before);

  WriteText(model_ + "/config.json", ReadText(model_ + "/config.json") + " ");
  EXPECT_NE(DigestOfModel(Digest(), model_), before);
}

TEST_F(InputFilesTest, SideFilesAreReadAsTheyWere) {
  const auto files = ReadSideFiles(model_, prepared_);

  ASSERT_THAT(files, IsOk());
  EXPECT_EQ(files->size(), 5u);
  EXPECT_EQ(files->at("config.json"), ReadText(model_ + "/config.json"));

  WriteText(model_ + "/tokenizer.json", "{}");
  EXPECT_THAT(ReadSideFiles(model_, prepared_),
              Fails(absl::StatusCode::kFailedPrecondition,
                    Parts{model_ + "/tokenizer.json", "has changed"}));
}

TEST_F(InputFilesTest, AModelWithoutWeightsIsNotFound) {
  EXPECT_THAT(DigestInputs(dir_.path(), ""),
              Fails(absl::StatusCode::kNotFound, Parts{dir_.path()}));
}

}  // namespace
}  // namespace lockstep
