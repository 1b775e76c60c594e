#include "client/cli/table.h"

#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

TEST(TableTest, ColumnsAreTwoSpacesApart) {
  Table table({"NAME", "STATE", "AGE"});
  table.AddRow({"qwen3-4b", "RUNNING", "12m"});
  table.AddRow({"a", "", "3d"});

  EXPECT_EQ(table.Render(),
            "NAME      STATE    AGE\n"
            "qwen3-4b  RUNNING  12m\n"
            "a         -        3d\n");
}

TEST(TableTest, WideCharactersDoNotShiftColumns) {
  Table table({"A", "B"});
  table.AddRow({"é", "x"});

  EXPECT_EQ(table.Render(), "A  B\né  x\n");
}

}  // namespace
}  // namespace lockstep::cli
