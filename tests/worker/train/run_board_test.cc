#include "worker/train/run_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

HParam Text(const std::string& text) { return text; }

v1::JobSpec Spec() {
  v1::JobSpec spec;
  spec.mutable_model()->set_path("/models/tiny");
  v1::LoraSpec& lora = *spec.mutable_method()->mutable_lora();
  lora.set_r(8);
  lora.set_use_rslora(true);
  lora.add_target_modules("q_proj");
  lora.add_target_modules("v_proj");
  spec.mutable_data()->set_max_length(64);
  spec.mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
  v1::TrainSpec& train = *spec.mutable_train();
  train.set_learning_rate(2e-4);
  train.set_max_steps(-1);
  train.set_lr_scheduler_type(v1::TrainSpec::LR_SCHEDULER_TYPE_COSINE);
  spec.mutable_resources()->set_ranks(2);
  return spec;
}

TEST(RunBoardTest, RunsAreComparedByWhatTheirJobFilesSay) {
  const std::map<std::string, HParam> hparams = HParamsOf(Spec());

  EXPECT_THAT(hparams, Contains(Pair("learning_rate", HParam(2e-4))));
  EXPECT_THAT(hparams, Contains(Pair("max_steps", HParam(-1.0))));
  EXPECT_THAT(hparams, Contains(Pair("lr_scheduler_type", Text("cosine"))));
  EXPECT_THAT(hparams, Contains(Pair("method", Text("lora"))));
  EXPECT_THAT(hparams, Contains(Pair("lora.r", HParam(8.0))));
  EXPECT_THAT(hparams, Contains(Pair("lora.use_rslora", HParam(true))));
  EXPECT_THAT(hparams,
              Contains(Pair("lora.target_modules", Text("q_proj,v_proj"))));
  EXPECT_THAT(hparams, Contains(Pair("model", Text("/models/tiny"))));
  EXPECT_THAT(hparams, Contains(Pair("max_length", HParam(64.0))));
  EXPECT_THAT(hparams, Contains(Pair("packing", Text("bfd"))));
  EXPECT_THAT(hparams, Contains(Pair("ranks", HParam(2.0))));
  EXPECT_THAT(hparams, Not(Contains(Key("weight_decay"))));
}

TEST(RunBoardTest, AFullRunHasNoAdapter) {
  v1::JobSpec spec = Spec();
  spec.mutable_method()->mutable_full();
  spec.mutable_method()->clear_lora();

  const std::map<std::string, HParam> hparams = HParamsOf(spec);

  EXPECT_THAT(hparams, Contains(Pair("method", Text("full"))));
  EXPECT_THAT(hparams, Not(Contains(Key("lora.r"))));
}

TEST(RunBoardTest, NamesTheFolderThatCannotBeMade) {
  const testing::ScopedTempDir dir;
  std::ofstream(dir.Path("no")) << "a file";
  v1::JobSpec spec = Spec();
  spec.set_output_dir(dir.Path("no/out"));

  const auto board = BeginRunBoard(spec, /*resumed_step=*/0);

  EXPECT_TRUE(absl::IsNotFound(board.status())) << board.status();
  EXPECT_THAT(board.status().message(),
              ::testing::HasSubstr(dir.Path("no/out/runs")));
}

}  // namespace
}  // namespace lockstep
