#include "worker/io/trainer_state.h"

#include <limits>

#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

using testing::Fails;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::Parts;

TrainerState SampleState() {
  TrainerState state;
  state.global_step = 2;
  state.max_steps = 10;
  state.epoch = 0.5;
  state.num_train_epochs = 3;
  state.num_input_tokens_seen = 4096;
  state.train_batch_size = 8;
  state.log_history.Add({1, 0.25, {{"loss", 2.0}, {"num_tokens", 2048}}});
  state.log_history.Add({2, 0.5, {{"eval_loss", 1.5}}});
  return state;
}

TEST(TrainerStateTest, ReadsBackWhatItWrites) {
  const std::string json = TrainerStateToJson(SampleState());

  const auto state = ParseTrainerState(json, "trainer_state.json");

  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(TrainerStateToJson(*state), json);
  const auto rows = state->log_history.Rows();
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), 2);
  EXPECT_EQ((*rows)[0].values.at("num_tokens"), 2048);
  EXPECT_EQ((*rows)[1].step, 2);
}

TEST(TrainerStateTest, ANameLikeAKeyIsNone) {
  TrainerState state = SampleState();
  state.best_model_checkpoint = R"(/a/"log_history": []/b)";

  const auto read = ParseTrainerState(TrainerStateToJson(state), "f");

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(TrainerStateToJson(*read), TrainerStateToJson(SampleState()));
}

TEST(TrainerStateTest, ARunWithoutRowsHasAnEmptyList) {
  TrainerState state = SampleState();
  state.log_history = {};

  const std::string json = TrainerStateToJson(state);

  EXPECT_THAT(json, HasSubstr("\"log_history\": [],"));
  ASSERT_THAT(state.log_history.Rows(), IsOk());
  EXPECT_EQ(state.log_history.Rows()->size(), 0);
}

TEST(TrainerStateTest, IsSpelledAsHuggingFaceSpellsIt) {
  EXPECT_EQ(TrainerStateToJson(SampleState()), R"({
  "best_global_step": null,
  "best_metric": null,
  "best_model_checkpoint": null,
  "epoch": 0.5,
  "eval_steps": 0,
  "global_step": 2,
  "is_hyper_param_search": false,
  "is_local_process_zero": true,
  "is_world_process_zero": true,
  "log_history": [
    {
      "epoch": 0.25,
      "loss": 2.0,
      "num_tokens": 2048,
      "step": 1
    },
    {
      "epoch": 0.5,
      "eval_loss": 1.5,
      "step": 2
    }
  ],
  "logging_steps": 1,
  "max_steps": 10,
  "num_input_tokens_seen": 4096,
  "num_train_epochs": 3,
  "save_steps": 0,
  "stateful_callbacks": {},
  "total_flos": 0.0,
  "train_batch_size": 8,
  "trial_name": null,
  "trial_params": null
}
)");
}

TEST(TrainerStateTest, LeavesOutWhatJsonCannotSay) {
  TrainerState state = SampleState();
  state.log_history.Add(
      {3, 1, {{"grad_norm", std::numeric_limits<double>::infinity()}}});

  const std::string json = TrainerStateToJson(state);

  EXPECT_THAT(json, Not(HasSubstr("grad_norm")));
  EXPECT_THAT(ParseTrainerState(json, "f"), IsOk());
}

TEST(TrainerStateTest, NamesWhatIsWrong) {
  EXPECT_THAT(ParseTrainerState("{", "f"),
              Fails(absl::StatusCode::kInvalidArgument, Parts{"f"}));
  EXPECT_THAT(ParseTrainerState(R"({"global_step": "2"})", "f"),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"f: global_step", "\"2\""}));
  EXPECT_THAT(
      ParseTrainerState(R"({"log_history": {}})", "f"),
      Fails(absl::StatusCode::kInvalidArgument, Parts{"f: log_history"}));
  EXPECT_THAT(
      ParseTrainerState(R"({"log_history": [{"step": 1}, {"loss": 1}]})", "f"),
      Fails(absl::StatusCode::kInvalidArgument, Parts{"f: log_history[1]"}));
}

}  // namespace
}  // namespace lockstep
