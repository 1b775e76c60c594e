#include "worker/text/safetensors_header.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/worker/text/text_testing.h"

namespace lockstep {
namespace {

using testing::IsInvalid;
using testing::IsOk;

std::string Tensor(const std::string& name, const std::string& shape,
                   const std::string& offsets,
                   const std::string& dtype = "F32") {
  return absl::StrCat("\"", name, "\":{\"dtype\":\"", dtype,
                      "\",\"shape\":", shape, ",\"data_offsets\":", offsets,
                      "}");
}

TEST(SafetensorsHeaderTest, GivesTensorsInTheOrderOfTheData) {
  const std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," +
                             Tensor("late", "[2,3]", "[8,20]", "BF16") + "," +
                             Tensor("early", "[2]", "[0,8]") + "}   ";

  const auto parsed = ParseSafetensorsHeader(header, 20);

  ASSERT_THAT(parsed, IsOk());
  ASSERT_EQ(parsed->tensors.size(), 2u);
  EXPECT_EQ(parsed->tensors[0].name, "early");
  EXPECT_EQ(parsed->tensors[1].name, "late");
  EXPECT_EQ(parsed->tensors[1].dtype, "BF16");
  EXPECT_EQ(parsed->tensors[1].shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(parsed->tensors[1].begin, 8u);
  EXPECT_EQ(parsed->tensors[1].end, 20u);
}

TEST(SafetensorsHeaderTest, TakesScalarsAndEmptyTensors) {
  EXPECT_THAT(ParseSafetensorsHeader("{}", 0), IsOk());
  EXPECT_THAT(
      ParseSafetensorsHeader("{" + Tensor("scalar", "[]", "[0,4]") + "," +
                                 Tensor("none", "[0,7]", "[4,4]") + "}",
                             4),
      IsOk());
}

TEST(SafetensorsHeaderTest, RefusesWhatIsNotAHeader) {
  EXPECT_THAT(ParseSafetensorsHeader("", 0), IsInvalid("begin with {"));
  EXPECT_THAT(ParseSafetensorsHeader(" {}", 0), IsInvalid("begin with {"));
  EXPECT_THAT(ParseSafetensorsHeader("[1]", 0), IsInvalid("begin with {"));
  EXPECT_THAT(ParseSafetensorsHeader("{\"a\":", 0), IsInvalid("EOF"));
  EXPECT_THAT(ParseSafetensorsHeader("{}{}", 0), IsInvalid("trailing"));
  EXPECT_THAT(ParseSafetensorsHeader("{\"\xff\":1}", 0), IsInvalid("UTF-8"));
  EXPECT_THAT(
      ParseSafetensorsHeader("{" + std::string((16 << 20) + 1, ' ') + "}", 0),
      IsInvalid("at most 16777216"));
}

TEST(SafetensorsHeaderTest, RefusesKeysThatComeTwice) {
  EXPECT_THAT(ParseSafetensorsHeader("{" + Tensor("w", "[1]", "[0,4]") + "," +
                                         Tensor("w", "[1]", "[0,4]") + "}",
                                     4),
              IsInvalid("w comes twice"));
  EXPECT_THAT(
      ParseSafetensorsHeader("{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\","
                             "\"shape\":[1],\"data_offsets\":[0,4]}}",
                             4),
      IsInvalid("duplicate field `dtype`"));
}

TEST(SafetensorsHeaderTest, NamesTheTensorWithABadField) {
  EXPECT_THAT(
      ParseSafetensorsHeader("{" + Tensor("w", "[1]", "[0,4]", "F31") + "}", 4),
      IsInvalid("w: unknown variant `F31`"));
  EXPECT_THAT(
      ParseSafetensorsHeader("{" + Tensor("w", "[-1]", "[0,4]") + "}", 4),
      IsInvalid("w: invalid value"));
  EXPECT_THAT(ParseSafetensorsHeader("{\"w\":{\"dtype\":\"F32\"}}", 4),
              IsInvalid("w: missing field"));
  EXPECT_THAT(ParseSafetensorsHeader("{\"__metadata__\":{\"a\":1}}", 0),
              IsInvalid("__metadata__: invalid type"));
}

TEST(SafetensorsHeaderTest, RefusesShapesThatDoNotFitTheirBytes) {
  EXPECT_THAT(
      ParseSafetensorsHeader("{" + Tensor("w", "[2]", "[0,4]") + "}", 4),
      IsInvalid("tensor w: F32 [2] takes 8 bytes, data_offsets [0, 4] hold 4"));
  EXPECT_THAT(
      ParseSafetensorsHeader("{" + Tensor("w", "[1]", "[4,0]") + "}", 4),
      IsInvalid("tensor w: data_offsets [4, 0] run backwards"));
  EXPECT_THAT(
      ParseSafetensorsHeader(
          "{" + Tensor("w", "[4294967296,4294967296,2]", "[0,4]") + "}", 4),
      IsInvalid("tensor w: shape"));
  EXPECT_THAT(
      ParseSafetensorsHeader("{" + Tensor("w", "[3]", "[0,2]", "F4") + "}", 2),
      IsInvalid("tensor w"));
}

TEST(SafetensorsHeaderTest, RefusesHolesOverlapsAndUncoveredBytes) {
  const std::string hole = "{" + Tensor("a", "[1]", "[0,4]") + "," +
                           Tensor("b", "[1]", "[8,12]") + "}";
  const std::string overlap = "{" + Tensor("a", "[2]", "[0,8]") + "," +
                              Tensor("b", "[2]", "[4,12]") + "}";
  const std::string late = "{" + Tensor("a", "[1]", "[4,8]") + "}";
  const std::string whole = "{" + Tensor("a", "[2]", "[0,8]") + "}";

  EXPECT_THAT(ParseSafetensorsHeader(hole, 12), IsInvalid("`b`"));
  EXPECT_THAT(ParseSafetensorsHeader(overlap, 12), IsInvalid("`b`"));
  EXPECT_THAT(ParseSafetensorsHeader(late, 8), IsInvalid("`a`"));
  EXPECT_THAT(ParseSafetensorsHeader(whole, 12),
              IsInvalid("describes 8 bytes of data, the file has 12"));
  EXPECT_THAT(ParseSafetensorsHeader(whole, 4),
              IsInvalid("describes 8 bytes of data, the file has 4"));
}

}  // namespace
}  // namespace lockstep
