// Whole preparations of good jobs: what is in the cache, what is in the plan.

#include "worker/prepare/prepare.h"

#include <filesystem>
#include <set>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/worker/prepare/prepare_fixture.h"
#include "worker/data/token_cache.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PrepareTest : public PrepareFixture {
 protected:
  v1::Plan GoodPlan() {
    absl::StatusOr<v1::Plan> plan = Plan();
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *plan : v1::Plan();
  }

  // The cache holds what Transformers makes of the same rows.
  void ExpectCacheIsGolden(const v1::Plan& plan, const std::string& golden) {
    const auto rows =
        nlohmann::json::parse(ReadFile(TestData("golden/" + golden)))["rows"];
    const auto cache = TokenCache::Open(plan.token_cache());
    ASSERT_TRUE(cache.ok()) << cache.status();
    ASSERT_EQ(cache->num_documents(), static_cast<int64_t>(rows.size()));
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto document = cache->Read(static_cast<int64_t>(i));
      ASSERT_TRUE(document.ok()) << document.status();
      EXPECT_EQ(document->ids, rows[i]["input_ids"].get<std::vector<int32_t>>())
          << "row " << i;
      EXPECT_EQ(document->trained,
                rows[i]["trained"].get<std::vector<uint8_t>>())
          << "row " << i;
    }
  }

  static std::set<int64_t> Lines(const v1::Plan& plan, const char* split) {
    std::set<int64_t> lines;
    const auto cache = TokenCache::Open(plan.token_cache(), split);
    EXPECT_TRUE(cache.ok()) << cache.status();
    for (int64_t i = 0; cache.ok() && i < cache->num_documents(); ++i) {
      lines.insert(cache->Origin(i)->line);
    }
    return lines;
  }
};

TEST_F(PrepareTest, ChatWithMarkedTurnsIsGolden) {
  SetData(TestData("data/chat.jsonl"));

  const v1::Plan plan = GoodPlan();

  EXPECT_EQ(plan.data_format(), "messages");
  EXPECT_EQ(plan.mask_source(), "generation");
  EXPECT_EQ(plan.rows(), 28);
  EXPECT_EQ(plan.tokens(), 1728);
  EXPECT_EQ(plan.trained_tokens(), 356);
  EXPECT_EQ(plan.truncated_rows(), 0);
  EXPECT_EQ(plan.dropped_rows(), 0);
  EXPECT_EQ(plan.eval_rows(), 0);
  ExpectCacheIsGolden(plan, "tiny-llama.chat.json");
}

TEST_F(PrepareTest, ChatByPrefixIsGolden) {
  spec_.mutable_model()->set_path(TestData("models/tiny-qwen2"));
  SetData(TestData("data/chat.jsonl"));

  const v1::Plan plan = GoodPlan();

  EXPECT_EQ(plan.mask_source(), "prefix");
  EXPECT_EQ(plan.tokens(), 1589);
  EXPECT_EQ(plan.trained_tokens(), 402);
  ExpectCacheIsGolden(plan, "tiny-qwen2.chat.json");
}

TEST_F(PrepareTest, ParametersAreThoseOfTheFiles) {
  v1::Plan plan = GoodPlan();
  EXPECT_EQ(plan.parameters(), 102720);
  EXPECT_EQ(plan.trainable_parameters(), 14848);

  v1::LoraSpec& lora = *spec_.mutable_method()->mutable_lora();
  lora.set_r(80);
  lora.add_target_modules("q_proj");
  lora.add_target_modules("down_proj");
  EXPECT_EQ(GoodPlan().trainable_parameters(), 46080);

  spec_.mutable_method()->mutable_full();
  spec_.mutable_method()->clear_lora();
  EXPECT_EQ(GoodPlan().trainable_parameters(), 102720);

  spec_.mutable_model()->set_path(TestData("models/tiny-qwen2"));
  plan = GoodPlan();
  EXPECT_EQ(plan.parameters(), 78400);
  EXPECT_EQ(plan.trainable_parameters(), 78400);
}

TEST_F(PrepareTest, StepsAreCountedAsTheTrainerOfHuggingFaceDoes) {
  v1::TrainSpec& train = *spec_.mutable_train();
  train.set_per_device_train_batch_size(3);
  train.set_gradient_accumulation_steps(1);
  train.set_num_train_epochs(2.5);
  spec_.mutable_resources()->set_ranks(2);

  v1::Plan plan = GoodPlan();
  EXPECT_EQ(plan.bins_per_epoch(), 28);
  EXPECT_EQ(plan.steps_per_epoch(), 5);  // ceil(28 / 6)
  EXPECT_EQ(plan.steps(), 13);           // ceil(2.5 x 5)

  train.set_max_steps(7);
  EXPECT_EQ(GoodPlan().steps(), 7);

  train.set_max_steps(-1);
  train.set_num_train_epochs(0.01);
  EXPECT_EQ(GoodPlan().steps(), 1);
}

TEST_F(PrepareTest, PackingMakesFewerBinsOfTheSameTokens) {
  spec_.mutable_train()->set_per_device_train_batch_size(1);
  spec_.mutable_data()->set_packing(v1::DataSpec::PACKING_NONE);
  const v1::Plan loose = GoodPlan();
  spec_.mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
  const v1::Plan packed = GoodPlan();

  EXPECT_EQ(packed.tokens(), loose.tokens());
  EXPECT_EQ(packed.bins_per_epoch(), (packed.tokens() + 255) / 256);
  EXPECT_EQ(packed.steps_per_epoch(), packed.bins_per_epoch());
  EXPECT_EQ(packed.token_cache(), loose.token_cache());
}

TEST_F(PrepareTest, TruncatedAndDroppedRowsAreCounted) {
  SetData(TestData("data/text.jsonl"));
  spec_.mutable_data()->set_max_length(20);
  const v1::Plan cut = GoodPlan();
  EXPECT_GT(cut.truncated_rows(), 0);
  EXPECT_EQ(cut.dropped_rows(), 0);
  EXPECT_EQ(cut.bins_per_epoch(), 28);

  spec_.mutable_data()->set_truncation(v1::DataSpec::TRUNCATION_DROP);
  const v1::Plan dropped = GoodPlan();
  EXPECT_EQ(dropped.truncated_rows(), 0);
  EXPECT_EQ(dropped.dropped_rows(), cut.truncated_rows());
  EXPECT_EQ(dropped.rows(), 28);
  EXPECT_EQ(dropped.bins_per_epoch(), 28 - cut.truncated_rows());
  EXPECT_NE(dropped.token_cache(), cut.token_cache());
}

TEST_F(PrepareTest, ColumnsOfAJsonArrayAreMapped) {
  SetData(TestData("data/array.json"));
  v1::DataSource& source = *spec_.mutable_data()->mutable_train(0);
  (*source.mutable_columns())["prompt"] = "question";
  (*source.mutable_columns())["completion"] = "answer";

  const v1::Plan plan = GoodPlan();

  EXPECT_EQ(plan.data_format(), "prompt_completion");
  EXPECT_EQ(plan.mask_source(), "completion");
  EXPECT_EQ(plan.rows(), 28);
}

TEST_F(PrepareTest, FilesOfSeveralShapesAreOneSet) {
  spec_.mutable_data()->add_train()->set_path(TestData("data/text.jsonl"));
  spec_.mutable_data()->add_train()->set_path(TestData("data/chat.jsonl"));

  const v1::Plan plan = GoodPlan();

  EXPECT_EQ(plan.rows(), 84);
  EXPECT_EQ(plan.data_format(), "prompt_completion,text,messages");
  EXPECT_EQ(plan.mask_source(), "completion,all,generation");
}

TEST_F(PrepareTest, EvaluationFileIsASplitOfItsOwn) {
  spec_.mutable_data()->mutable_eval()->set_path(TestData("data/text.jsonl"));

  const v1::Plan plan = GoodPlan();

  EXPECT_EQ(plan.rows(), 28);
  EXPECT_EQ(plan.eval_rows(), 28);
  EXPECT_EQ(plan.bins_per_epoch(), 28);
  EXPECT_EQ(Lines(plan, "eval").size(), 28u);
}

TEST_F(PrepareTest, EvaluationShareIsHeldOutBySeed) {
  spec_.mutable_data()->set_eval_fraction(0.26);  // ceil(7.28) = 8 rows
  const v1::Plan plan = GoodPlan();

  EXPECT_EQ(plan.rows(), 28);
  EXPECT_EQ(plan.eval_rows(), 8);
  EXPECT_EQ(plan.bins_per_epoch(), 20);
  std::set<int64_t> all = Lines(plan, "train");
  const std::set<int64_t> eval = Lines(plan, "eval");
  EXPECT_EQ(all.size(), 20u);
  EXPECT_EQ(eval.size(), 8u);
  all.insert(eval.begin(), eval.end());
  EXPECT_EQ(all.size(), 28u);

  spec_.mutable_data()->set_shuffle_seed(7);
  const v1::Plan other = GoodPlan();
  EXPECT_NE(other.token_cache(), plan.token_cache());
  EXPECT_NE(Lines(other, "eval"), eval);
}

TEST_F(PrepareTest, CacheIsReusedAndNotWrittenAgain) {
  const v1::Plan first = GoodPlan();
  const std::string file = first.token_cache() + "/train.tokens";
  const auto written = fs::last_write_time(file);

  spec_.mutable_train()->set_learning_rate(1e-3);
  spec_.set_output_dir(Path("other"));
  const v1::Plan second = GoodPlan();

  EXPECT_EQ(second.ShortDebugString(), first.ShortDebugString());
  EXPECT_EQ(fs::last_write_time(file), written);
}

TEST_F(PrepareTest, WhateverChangesTokensChangesTheCache) {
  const std::string data = WriteData(ReadFile(TestData("data/chat.jsonl")));
  std::set<std::string> caches = {GoodPlan().token_cache()};

  WriteFile(data, ReadFile(data) + "\n");
  caches.insert(GoodPlan().token_cache());
  spec_.mutable_data()->set_max_length(128);
  caches.insert(GoodPlan().token_cache());
  spec_.mutable_data()->set_train_on(v1::DataSpec::TRAIN_ON_ALL);
  caches.insert(GoodPlan().token_cache());
  spec_.mutable_model()->set_chat_template(
      "{% for m in messages %}{{ m.content }}{% endfor %}");
  caches.insert(GoodPlan().token_cache());
  const std::string model = CopyModel();
  Edit(model + "/tokenizer.json", "\"version\": \"1.0\"",
       "\"version\":  \"1.0\"");
  caches.insert(GoodPlan().token_cache());

  EXPECT_EQ(caches.size(), 6u);
}

TEST_F(PrepareTest, DayMattersOnlyToTemplatesThatShowIt) {
  SetData(TestData("data/chat.jsonl"));
  const std::string timeless = GoodPlan().token_cache();
  now_ += absl::Hours(24);
  EXPECT_EQ(GoodPlan().token_cache(), timeless);

  spec_.mutable_model()->set_chat_template(
      "{{ strftime_now('%Y-%m-%d') }}{% for m in messages %}{{ m.content }}"
      "{% endfor %}");
  spec_.mutable_data()->set_train_on(v1::DataSpec::TRAIN_ON_ALL);
  const std::string today = GoodPlan().token_cache();
  now_ += absl::Hours(1);
  EXPECT_EQ(GoodPlan().token_cache(), today);
  now_ += absl::Hours(24);
  EXPECT_NE(GoodPlan().token_cache(), today);
}

TEST_F(PrepareTest, DamagedCacheIsMadeAnew) {
  const v1::Plan first = GoodPlan();
  fs::resize_file(first.token_cache() + "/train.tokens", 100);

  EXPECT_EQ(GoodPlan().ShortDebugString(), first.ShortDebugString());
  EXPECT_TRUE(TokenCache::Open(first.token_cache()).ok());
}

TEST_F(PrepareTest, AnyDamagedByteOfTheCacheIsFound) {
  spec_.mutable_data()->set_eval_fraction(0.2);
  const v1::Plan first = GoodPlan();
  for (const char* name : {"train.tokens", "eval.tokens", "counts.json"}) {
    const std::string path = first.token_cache() + "/" + name;
    const std::string whole = ReadFile(path);
    for (const size_t at : {whole.size() / 3, whole.size() - 1}) {
      std::string damaged = whole;
      damaged[at] ^= 1;
      WriteFile(path, damaged);

      EXPECT_EQ(GoodPlan().ShortDebugString(), first.ShortDebugString());
      EXPECT_EQ(ReadFile(path), whole) << name << " at " << at;
    }
  }
}

TEST_F(PrepareTest, TwoJobsAtOnceShareTheWork) {
  absl::StatusOr<v1::Plan> plans[2];
  PrepareOptions options[2] = {Options(), Options()};
  std::thread other([&] { plans[1] = MakePlan(options[1]); });
  plans[0] = MakePlan(options[0]);
  other.join();

  ASSERT_TRUE(plans[0].ok()) << plans[0].status();
  ASSERT_TRUE(plans[1].ok()) << plans[1].status();
  EXPECT_EQ(plans[0]->token_cache(), plans[1]->token_cache());
  EXPECT_EQ(std::distance(fs::directory_iterator(Path("cache")), {}), 1);
}

TEST_F(PrepareTest, OutputFolderIsMadeAndBelongsToTheJob) {
  spec_.set_output_dir(Path("deep/out"));
  GoodPlan();

  PrepareOptions other = Options();
  other.owner = "jobs/other u2";
  const absl::StatusOr<v1::Plan> plan = MakePlan(other);
  EXPECT_THAT(std::string(plan.status().message()),
              HasSubstr("deep/out belongs to jobs/demo u1"));
}

TEST_F(PrepareTest, LengthAboveThePositionsOfTheModelIsAWarning) {
  EXPECT_THAT(GoodPlan().warnings(), IsEmpty());

  spec_.mutable_data()->set_max_length(100000);
  EXPECT_THAT(GoodPlan().warnings(),
              ElementsAre(HasSubstr("data.max_length: 100000")));
}

TEST_F(PrepareTest, ThePlanSaysWhichFilesItIsFor) {
  spec_.mutable_model()->set_adapter(TestData("adapters/tiny-llama-r8"));

  const v1::Plan plan = GoodPlan();

  std::vector<std::string> names;
  for (const v1::InputFile& input : plan.inputs()) {
    names.push_back(fs::path(input.path()).filename());
    EXPECT_EQ(input.sha256().size(), 64u);
  }
  EXPECT_THAT(names,
              ElementsAre("model.safetensors", "config.json", "tokenizer.json",
                          "tokenizer_config.json", "special_tokens_map.json",
                          "generation_config.json", "adapter_config.json",
                          "adapter_model.safetensors"));
}

TEST_F(PrepareTest, AdapterToTrainOnMustBringWhatTheJobAsksFor) {
  spec_.mutable_model()->set_adapter(TestData("adapters/tiny-llama-r8"));

  EXPECT_EQ(GoodPlan().trainable_parameters(), 14848);
}

TEST_F(PrepareTest, TemplateThatDoesNotCompileIsNoMatterToPlainText) {
  const std::string model = CopyModel();
  WriteFile(model + "/chat_template.jinja", "{% if %}");
  SetData(TestData("data/text.jsonl"));

  EXPECT_EQ(GoodPlan().data_format(), "text");
}

}  // namespace
}  // namespace lockstep::testing
