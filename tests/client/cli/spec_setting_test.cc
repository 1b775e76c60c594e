#include "client/cli/spec_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::JobSpec Spec() {
  v1::JobSpec spec;
  spec.mutable_data()->add_train()->set_path("/a");
  spec.mutable_method()->mutable_lora()->add_target_modules("q_proj");
  (*spec.mutable_labels())["team"] = "x";
  return spec;
}

v1::JobSpec With(const std::string& setting) {
  v1::JobSpec spec = Spec();
  const absl::Status status = ApplySetting(setting, &spec);
  EXPECT_TRUE(status.ok()) << status;
  return spec;
}

std::string Error(const std::string& setting) {
  v1::JobSpec spec = Spec();
  const absl::Status status = ApplySetting(setting, &spec);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << setting;
  return std::string(status.message());
}

TEST(SpecSettingTest, SetsScalarsEnumsAndTexts) {
  EXPECT_EQ(With("train.learning_rate=1e-4").train().learning_rate(), 1e-4);
  EXPECT_EQ(With("data.packing=bfd").data().packing(),
            v1::DataSpec::PACKING_BFD);
  EXPECT_EQ(With("output_dir=/o=p").output_dir(), "/o=p");
  EXPECT_EQ(With("data.train[0].path=/b").data().train(0).path(), "/b");
  EXPECT_TRUE(With("method.full={}").method().has_full());
}

TEST(SpecSettingTest, ListsAndMapsAreReplacedOrExtended) {
  EXPECT_THAT(With("method.lora.target_modules=[k_proj, v_proj]")
                  .method()
                  .lora()
                  .target_modules(),
              ElementsAre("k_proj", "v_proj"));
  EXPECT_EQ(With("labels.team=y").labels().at("team"), "y");
  EXPECT_EQ(With("labels.cost=9").labels().size(), 2u);
  EXPECT_EQ(With("data.train[0].columns.prompt=q")
                .data()
                .train(0)
                .columns()
                .at("prompt"),
            "q");
}

TEST(SpecSettingTest, ErrorsNameThePath) {
  EXPECT_THAT(Error("train.lerning_rate=1"),
              HasSubstr("unknown field \"lerning_rate\"; did you mean "
                        "learning_rate?"));
  EXPECT_THAT(Error("train.learning_rate=fast"),
              HasSubstr("--set train.learning_rate: fast is not a finite"));
  EXPECT_THAT(Error("train"), HasSubstr("is not of the form path=value"));
  EXPECT_THAT(Error("=1"), HasSubstr("is not of the form path=value"));
  EXPECT_THAT(Error("data.train.path=x"), HasSubstr("is a list of 1"));
  EXPECT_THAT(Error("data.train[3].path=x"), HasSubstr("is a list of 1"));
  EXPECT_THAT(Error("data.train[x].path=y"), HasSubstr("name[number]"));
  EXPECT_THAT(Error("output_dir.x=y"), HasSubstr("has no fields"));
  EXPECT_THAT(Error("data.train[0]=x"), HasSubstr("names an entry"));
  EXPECT_THAT(Error("train.optim={"), HasSubstr("is not YAML"));
}

}  // namespace
}  // namespace lockstep::cli
