#include "client/cli/table.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/cli/format.h"
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

size_t LongestLine(const std::string& text) {
  size_t longest = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    longest = std::max(longest, DisplayWidth(line));
  }
  return longest;
}

TEST(TableTest, ATerminalsWidthIsKept) {
  Table table({"NAME", "STATE", "PATH", "AGE"}, {.width = 40, .unicode = true});
  table.AddRow({"qwen", "RUNNING", "/models/of/a/team/adapter", "12m"});
  // What is cut is the widest, and of a path the beginning.
  EXPECT_EQ(table.Render(),
            "NAME  STATE    PATH                  AGE\n"
            "qwen  RUNNING  …s/of/a/team/adapter  12m\n");
  // The next row has a name of 63 characters, whose turn comes last.
  const std::string row = table.RenderRow(
      {std::string(63, 'n'), "RUNNING", "/models/of/a/team/adapter", "12m"});
  EXPECT_EQ(row, "nnnnnnnnnnn…  RUNNING  …eam/adapter  12m\n");
}

TEST(TableTest, APipeGetsAllOfIt) {
  Table table({"NAME", "AGE"});
  table.AddRow({std::string(200, 'n'), "12m"});
  EXPECT_EQ(LongestLine(table.Render()), 205u);
}

TEST(TableTest, FitsEvenAVeryNarrowTerminal) {
  for (int width = 20; width < 120; ++width) {
    Table table({"NODE", "DEVICE", "KIND", "MODEL", "MEMORY", "JOB"},
                {.width = width, .unicode = true});
    table.AddRow({std::string(63, 'n'), std::string(40, 'd'), "CUDA",
                  "NVIDIA H200", "139.8 GiB", std::string(63, 'j')});
    EXPECT_LE(LongestLine(table.Render()), static_cast<size_t>(width));
  }
}

}  // namespace
}  // namespace lockstep::cli
