#include "worker/io/tensorboard.h"

#include <sys/resource.h>

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/file_size_limit.h"
#include "tests/worker/io/io_testing.h"
#include "worker/io/tensorboard_event.h"

namespace lockstep {
namespace {

using testing::Fails;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::MatchesRegex;
using testing::Parts;
using testing::RunOracle;
using testing::ScopedTempDir;

// Made with tensorboard 2.21.0: Event(...).SerializeToString() inside a
// RecordWriter.
TEST(TensorBoardEventTest, HasTheBytesOfTensorBoard) {
  EXPECT_EQ(absl::BytesToHexString(EventRecord(FileVersionEvent(1.5))),
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e45"
            "76656e743a322a28646c");
  EXPECT_EQ(absl::BytesToHexString(EventRecord(SessionStartEvent(2.5, 300))),
            "100000000000000095fbfe1809000000000000044010ac023a0208017d05"
            "b37d");
  EXPECT_EQ(absl::BytesToHexString(EventRecord(
                ScalarsEvent(3.5, 7, {{"a/b", 0.25}, {"c", -2.0}}))),
            "2300000000000000b09f7743090000000000000c4010072a160a0a0a0361"
            "2f62150000803e0a080a016315000000c08b658539");
  EXPECT_EQ(
      absl::BytesToHexString(EventRecord(TextEvent(4.5, 1, "config", "*x*"))),
      "2e00000000000000c5cb57fa09000000000000124010012a210a1f0a0663"
      "6f6e66696742090807120042032a782a4a0a0a060a04746578742002b265"
      "b2db");
}

TEST(TensorBoardEventTest, HasTheBytesOfTensorBoardForHParams) {
  EXPECT_EQ(absl::BytesToHexString(EventRecord(HParamsEvent(
                5.5, {{"a", 0.5}, {"b", false}, {"c", std::string("x")}}))),
            "720000000000000025053a820900000000000016402a670a650a1c5f68706172"
            "616d735f2f73657373696f6e5f73746172745f696e666f42060801120212004a"
            "3d0a390a0768706172616d73122e1a2c0a0e0a0161120911000000000000e03f"
            "0a070a0162120220000a080a016312031a01782900000000000016402002"
            "7bb8232a");
  EXPECT_EQ(absl::BytesToHexString(EventRecord(HParamsEndEvent(6.5))),
            "4f000000000000006c474f93090000000000001a402a440a420a1a5f68706172"
            "616d735f2f73657373696f6e5f656e645f696e666f42060801120212004a1c0a"
            "180a0768706172616d73120d220b0801110000000000001a402002975230a1");
}

std::string CheckTensorBoard(const std::string& dir,
                             const std::string& arguments) {
  return RunOracle(absl::StrCat(
                       testing::SourcePath("tests/oracle/check_tensorboard.py"),
                       " ", dir, " ", arguments))
      .output;
}

TEST(TensorBoardTest, RealTensorBoardReadsARunThatWasResumed) {
  const ScopedTempDir dir;
  // Saved at step 4, died after step 6.
  auto first = TensorBoardWriter::Create(dir.Path("runs/job"), 0);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT((*first)->AddText(0, "config", "a: 1"), IsOk());
  const std::map<std::string, HParam> hparams = {
      {"learning_rate", 2e-4}, {"method", "lora"}, {"shuffle", true}};
  ASSERT_THAT((*first)->AddHParams(hparams), IsOk());
  for (int64_t step = 1; step <= 6; ++step) {
    ASSERT_THAT((*first)->AddScalars(
                    step, {{"train/loss", 9.0}, {"train/grad_norm", 1.0}}),
                IsOk());
  }
  auto second = TensorBoardWriter::Create(dir.Path("runs/job"), 4);
  ASSERT_THAT(second, IsOk());
  ASSERT_THAT((*second)->AddHParams(hparams), IsOk());
  for (int64_t step = 5; step <= 8; ++step) {
    ASSERT_THAT((*second)->AddScalars(
                    step, {{"train/loss", 3.0}, {"train/grad_norm", 1.0}}),
                IsOk());
  }

  EXPECT_THAT((*second)->path(),
              MatchesRegex(".*/events.out.tfevents.[0-9]+\\..+\\.[0-9]+\\."
                           "[0-9]+"));
  EXPECT_THAT(CheckTensorBoard(dir.Path("runs/job"),
                               "--tags train/loss,train/grad_norm --steps 8 "
                               "--points 8 --text config=a --hparam "
                               "learning_rate=0.0002 --hparam "
                               "method='\"lora\"' --hparam shuffle=true "
                               "--ended no"),
              HasSubstr("check_tensorboard: ok"));
  ASSERT_THAT((*second)->AddEnd(), IsOk());
  EXPECT_THAT(CheckTensorBoard(dir.Path("runs/job"),
                               "--tags train/loss --steps 8 --ended yes"),
              HasSubstr("check_tensorboard: ok"));
}

TEST(TensorBoardTest, RealTensorBoardReadsWhatIsNoNumber) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::pair<double, const char*> values[] = {
      {std::nan(""), "nan"},
      {infinity, "inf"},
      {-infinity, "-inf"},
      // As a float, which is what TensorBoard has.
      {1e300, "inf"}};
  for (const auto& [value, text] : values) {
    const ScopedTempDir dir;
    auto writer = TensorBoardWriter::Create(dir.Path("runs/job"), 0);
    ASSERT_THAT(writer, IsOk());
    ASSERT_THAT((*writer)->AddScalars(1, {{"train/loss", 2.5}}), IsOk());
    ASSERT_THAT((*writer)->AddScalars(2, {{"train/loss", value}}), IsOk());

    EXPECT_THAT(
        CheckTensorBoard(dir.Path("runs/job"),
                         absl::StrCat("--tags train/loss --steps 2 --points 2 "
                                      "--last train/loss=",
                                      text)),
        HasSubstr("check_tensorboard: ok"));
  }
}

TEST(TensorBoardTest, AFullDiskIsResourceExhausted) {
  const ScopedTempDir dir;
  auto writer = TensorBoardWriter::Create(dir.path(), 0);
  ASSERT_THAT(writer, IsOk());
  const testing::ScopedFileSizeLimit limit(60);

  EXPECT_THAT(
      (*writer)->AddScalars(1, {{"train/loss", 1.0}}),
      Fails(absl::StatusCode::kResourceExhausted, Parts{(*writer)->path()}));
}

TEST(TensorBoardTest, NamesAFolderThatCannotBeMade) {
  const ScopedTempDir dir;
  testing::WriteText(dir.Path("runs"), "");

  EXPECT_THAT(TensorBoardWriter::Create(dir.Path("runs/job"), 0),
              Fails(absl::StatusCode::kNotFound, Parts{dir.Path("runs/job")}));
}

}  // namespace
}  // namespace lockstep
