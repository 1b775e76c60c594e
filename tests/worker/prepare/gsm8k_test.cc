// Real rows, a real tokenizer; numbers from the tokenizers library of Hugging
// Face on the same rows (prompt + completion + EOS).

#include "gtest/gtest.h"
#include "tests/worker/prepare/prepare_fixture.h"

namespace lockstep::testing {
namespace {

using Gsm8kTest = PrepareFixture;

TEST_F(Gsm8kTest, CountsAreThoseOfHuggingFace) {
  if (TestDataDir().empty()) GTEST_SKIP() << "LOCKSTEP_TEST_DATA is not set";
  spec_.mutable_model()->set_path(TestDataDir() + "/models/stories260K-hf");
  SetData(TestDataDir() + "/datasets/gsm8k/train.jsonl");
  v1::DataSource& source = *spec_.mutable_data()->mutable_train(0);
  (*source.mutable_columns())["prompt"] = "question";
  (*source.mutable_columns())["completion"] = "answer";
  spec_.mutable_data()->set_max_length(1024);

  const absl::StatusOr<v1::Plan> plan = Plan();

  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->rows(), 7473);
  EXPECT_EQ(plan->tokens(), 2614668);
  EXPECT_EQ(plan->trained_tokens(), 1578990);
  EXPECT_EQ(plan->truncated_rows(), 5);
  EXPECT_EQ(plan->mask_source(), "completion");
}

}  // namespace
}  // namespace lockstep::testing
