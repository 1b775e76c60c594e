#include "worker/data/dataset.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"
#include "tests/worker/text/text_testing.h"

namespace lockstep {
namespace {

using testing::IsError;
using testing::IsInvalid;
using testing::IsOk;
using testing::ScopedTempDir;
using testing::WriteFile;

class DatasetTest : public ::testing::Test {
 protected:
  // Rows as "line:json", then the error if there is one.
  std::vector<std::string> Read(const std::string& content,
                                ColumnMap columns = {}) {
    WriteFile(path_, content);
    auto reader = DatasetReader::Open(path_, std::move(columns));
    EXPECT_THAT(reader, IsOk());
    std::vector<std::string> rows;
    while (true) {
      const auto row = reader->Next();
      if (!row.ok()) {
        end_ = row.status();
        return rows;
      }
      if (!row->has_value()) break;
      rows.push_back(absl::StrCat((*row)->line, ":", (*row)->values.dump()));
    }
    end_ = absl::OkStatus();
    return rows;
  }

  std::string At(int line, const std::string& message) const {
    return absl::StrCat(path_, ":", line, ": ", message);
  }

  ScopedTempDir dir_;
  const std::string path_ = dir_.Path("rows");
  // Why the last Read stopped.
  absl::Status end_;
};

using Rows = std::vector<std::string>;

TEST_F(DatasetTest, ReadsLinesAndSkipsBlankOnes) {
  EXPECT_EQ(Read("{\"b\": 1, \"a\": 2}\r\n\n  \n{\"c\": \"é\"}"),
            (Rows{"1:{\"b\":1,\"a\":2}", "4:{\"c\":\"é\"}"}));
  EXPECT_THAT(end_, IsOk());
}

TEST_F(DatasetTest, ReadsTheElementsOfAnArray) {
  EXPECT_EQ(
      Read("\xef\xbb\xbf [\n {\"a\": \"],}\\\"\"},\n\n {\"b\":\n [1]}\n]\n"),
      (Rows{"2:{\"a\":\"],}\\\"\"}", "4:{\"b\":[1]}"}));
  EXPECT_THAT(end_, IsOk());
}

TEST_F(DatasetTest, EmptyFilesAndArraysHoldNoRow) {
  for (const char* content : {"", " \n", "[]", "[ \n]\n"}) {
    EXPECT_EQ(Read(content), Rows{}) << content;
    EXPECT_THAT(end_, IsOk()) << content;
  }
}

TEST_F(DatasetTest, NamesTheLineThatIsNotJson) {
  EXPECT_EQ(Read("{\"a\": 1}\n\n{\"a\": }\n{}").size(), 1u);
  EXPECT_THAT(end_, IsInvalid(At(3, "the row is not JSON: parse error")));

  EXPECT_EQ(Read("{\"a\": 1} x").size(), 0u);
  EXPECT_THAT(end_, IsInvalid(At(1, "the row is not JSON")));

  Read("{\"a\": \"\xff\"}");
  EXPECT_THAT(end_, IsInvalid(At(1, "the row is not JSON")));

  Read("{\"a\": \"\\ud800\"}");
  EXPECT_THAT(end_, IsInvalid(At(1, "the row is not JSON")));

  Read(std::string("{\"a\": \"\0\"}", 10));
  EXPECT_THAT(end_, IsInvalid(At(1, "the row is not JSON")));

  Read("{\"a\": 1e999}");
  EXPECT_THAT(end_, IsInvalid(At(1, "the row is not JSON")));
}

TEST_F(DatasetTest, RefusesRowsThatAreNoObjects) {
  Read("{}\n3\n");
  EXPECT_THAT(end_, IsInvalid(At(2, "the row is not a JSON object but a num")));
  Read("[{}, \"a\"]");
  EXPECT_THAT(end_, IsInvalid(At(1, "the row is not a JSON object but a str")));
}

TEST_F(DatasetTest, RefusesArraysThatDoNotEndAsOne) {
  EXPECT_EQ(Read("[{},\n{\"a\": 1}").size(), 1u);
  EXPECT_THAT(end_, IsInvalid(At(2, "the file ends inside the array")));

  EXPECT_EQ(Read("[{},\n]").size(), 1u);
  EXPECT_THAT(end_, IsInvalid(At(2, "expected a row")));

  EXPECT_EQ(Read("[{}]\n{}").size(), 1u);
  EXPECT_THAT(end_, IsInvalid(At(2, "text after the end of the array")));

  EXPECT_EQ(Read("[{} {}]").size(), 0u);
  EXPECT_THAT(end_, IsInvalid(At(1, "the row is not JSON")));
}

TEST_F(DatasetTest, BoundsTheLengthOfARow) {
  const std::string row =
      "{\"a\": \"" + std::string(DatasetReader::kMaxRowBytes, 'x') + "\"}";

  EXPECT_EQ(Read("{}\n" + row).size(), 1u);
  EXPECT_THAT(end_, IsInvalid(At(2, "the row is longer than 8388608 bytes")));
  EXPECT_EQ(Read("[{},\n" + row + "]").size(), 1u);
  EXPECT_THAT(end_, IsInvalid(At(2, "the row is longer than")));
}

TEST_F(DatasetTest, BoundsTheDepthOfARow) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(depth - 1, '[') +
           std::string(depth - 1, ']') + "}";
  };

  EXPECT_EQ(Read(nested(64) + "\n" + nested(65)).size(), 1u);
  EXPECT_THAT(end_, IsInvalid(At(2, "the row nests deeper than 64")));
}

TEST_F(DatasetTest, RenamesColumns) {
  EXPECT_EQ(Read("{\"question\": \"q\", \"x\": 1, \"answer\": \"a\"}",
                 {{"prompt", "question"}, {"completion", "answer"}}),
            (Rows{"1:{\"x\":1,\"completion\":\"a\",\"prompt\":\"q\"}"}));
  EXPECT_EQ(Read("{\"prompt\": 1, \"completion\": 2}",
                 {{"prompt", "completion"}, {"completion", "prompt"}}),
            (Rows{"1:{\"completion\":1,\"prompt\":2}"}));
}

TEST_F(DatasetTest, NamesTheColumnThatIsMissing) {
  EXPECT_EQ(Read("{\"q\": 1}\n{\"a\": 1, \"b\": 2}", {{"prompt", "q"}}).size(),
            1u);
  EXPECT_THAT(end_, IsInvalid(At(2,
                                 "the row has no \"q\", which columns maps "
                                 "to prompt; its keys are a, b")));
}

TEST_F(DatasetTest, NamesTheFileThatCannotBeRead) {
  EXPECT_THAT(DatasetReader::Open(dir_.Path("none")),
              IsError(absl::StatusCode::kNotFound, dir_.Path("none")));
  EXPECT_THAT(DatasetReader::Open(dir_.path()),
              IsInvalid("is not a regular file"));
}

}  // namespace
}  // namespace lockstep
