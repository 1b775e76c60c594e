#include "worker/io/checkpoint_state.h"

#include "tests/worker/io/checkpoint_fixture.h"
#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

using testing::Fails;
using testing::IsOk;
using testing::Parts;

TEST(CheckpointStateTest, ReadsBackWhatItWrites) {
  const CheckpointState state = testing::SampleState();
  const std::string json = CheckpointStateToJson(state);

  const auto read = ParseCheckpointState(json, "s.json");

  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(CheckSameRun(read->run, state.run), IsOk());
  EXPECT_EQ(CheckpointStateToJson(*read), json);
  EXPECT_EQ(read->position.averages, state.position.averages);
  EXPECT_EQ(read->run.seed, state.run.seed);
}

TEST(CheckpointStateTest, EveryFieldIsNeeded) {
  const std::string json = CheckpointStateToJson(testing::SampleState());
  for (const char* key :
       {"world_size", "threads", "dtype", "seed", "shuffle_seed", "build_id",
        "base_model_digest", "dataset_digest", "step", "optimizer_steps",
        "epoch", "step_in_epoch", "metric_seq", "averages"}) {
    std::string changed = json;
    changed.replace(changed.find('"' + std::string(key) + '"') + 1, 1, "X");

    EXPECT_THAT(ParseCheckpointState(changed, "s.json"),
                Fails(absl::StatusCode::kInvalidArgument,
                      Parts{"s.json", key, "null"}));
  }
}

TEST(CheckpointStateTest, RefusesValuesOfAnotherType) {
  std::string json = CheckpointStateToJson(testing::SampleState());
  const std::string field = "\"world_size\": ";
  json.insert(json.find(field) + field.size(), "0.");

  EXPECT_THAT(ParseCheckpointState(json, "s.json"),
              Fails(absl::StatusCode::kInvalidArgument, Parts{"world_size"}));
  EXPECT_THAT(ParseCheckpointState("[", "s.json"),
              Fails(absl::StatusCode::kInvalidArgument, Parts{"s.json"}));
}

TEST(CheckSameRunTest, NamesEveryDifferenceWithBothValues) {
  const RunIdentity saved = testing::SampleState().run;
  RunIdentity current = saved;
  current.world_size = 4;
  current.per_device_train_batch_size = 3;
  current.dataset_digest = "other";

  EXPECT_THAT(CheckSameRun(saved, current),
              Fails(absl::StatusCode::kFailedPrecondition,
                    Parts{"world_size was 2, is 4",
                          "per_device_train_batch_size was 8, is 3",
                          "dataset_digest was \"da7a\", is \"other\""}));
}

TEST(CheckSameRunTest, ComparesEveryField) {
  const RunIdentity saved = testing::SampleState().run;
  std::vector<RunIdentity> others(14, saved);
  others[0].world_size = 99;
  others[1].per_device_train_batch_size = 99;
  others[2].gradient_accumulation_steps = 99;
  others[3].threads = 99;
  others[4].device = "x";
  others[5].dtype = "x";
  others[6].method = "x";
  others[7].optimizer = "x";
  others[8].seed = 99;
  others[9].shuffle_seed = 99;
  others[10].build_id = "x";
  others[11].libtorch_version = "x";
  others[12].base_model_digest = "x";
  others[13].dataset_digest = "x";

  EXPECT_THAT(CheckSameRun(saved, saved), IsOk());
  for (size_t i = 0; i < others.size(); ++i) {
    EXPECT_FALSE(CheckSameRun(saved, others[i]).ok()) << i;
  }
}

}  // namespace
}  // namespace lockstep
