#include "proto/contract/spec_value.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep {
namespace {

using ::testing::ElementsAre;

TEST(SpecValueTest, SpellsValuesInLowerCaseWithoutPrefix) {
  const auto& type = *v1::DataSpec::Packing_descriptor();

  EXPECT_EQ(EnumYamlName(*type.FindValueByNumber(v1::DataSpec::PACKING_BFD)),
            "bfd");
  EXPECT_EQ(EnumYamlName(*type.FindValueByNumber(0)), "");
  EXPECT_THAT(EnumYamlNames(type), ElementsAre("none", "bfd", "wrapped"));
}

TEST(SpecValueTest, FindsEveryValueBySpelling) {
  const auto& type = *v1::TrainSpec::Optim_descriptor();
  for (int i = 1; i < type.value_count(); ++i) {
    EXPECT_EQ(FindEnumByYamlName(type, EnumYamlName(*type.value(i))),
              type.value(i));
  }
}

TEST(SpecValueTest, FindsNothingElse) {
  const auto& type = *v1::DataSpec::Packing_descriptor();
  for (const char* name : {"", "BFD", "packing_bfd", "unspecified", "bf"}) {
    EXPECT_EQ(FindEnumByYamlName(type, name), nullptr) << name;
  }
}

}  // namespace
}  // namespace lockstep
