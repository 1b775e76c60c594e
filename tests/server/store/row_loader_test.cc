#include "server/store/row_loader.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/crc32c.h"
#include "tests/testing/store_writes.h"

namespace lockstep {
namespace {

using ::lockstep::testing::Record;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// More than wait for a thread: the caller parses some, too.
constexpr int kRows = 5000;

void AddRow(RowLoader& loader, int i) {
  const std::string bytes = Record(absl::StrCat("job-", i)).SerializeAsString();
  loader.Add(10 * i, Crc32c(bytes), bytes);
}

TEST(RowLoaderTest, KeepsAllRowsInTheirOrder) {
  for (const int threads : {0, 1, 3}) {
    SCOPED_TRACE(absl::StrCat(threads, " threads"));
    RowLoader loader(threads);
    for (int i = 0; i < kRows; ++i) AddRow(loader, i);
    const auto rows = loader.Finish();
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_THAT(*rows, SizeIs(kRows));
    for (int i = 0; i < kRows; ++i) {
      const RowLoader::Row& row = (*rows)[i];
      ASSERT_EQ(row.order, 10 * i);
      ASSERT_EQ(row.record->job().name(), absl::StrCat("jobs/job-", i));
      ASSERT_EQ(row.record->job().etag(), EtagOf(*row.record));
    }
  }
}

TEST(RowLoaderTest, OfNothingItMakesNothing) {
  EXPECT_THAT(*RowLoader(2).Finish(), IsEmpty());
}

// Wherever it lies: in a batch of a thread, or in the last one.
TEST(RowLoaderTest, RefusesAllForOneThatIsDamaged) {
  const std::string bytes = Record("damaged").SerializeAsString();
  std::string other = bytes;
  other.back() = static_cast<char>(other.back() ^ 1);
  for (const int at : {0, 700, kRows - 1}) {
    SCOPED_TRACE(absl::StrCat("row ", at));
    RowLoader wrong_bytes(1);
    RowLoader no_record(1);
    for (int i = 0; i < kRows; ++i) {
      if (i == at) {
        wrong_bytes.Add(i, Crc32c(bytes), other);
        no_record.Add(i, Crc32c("no record"), "no record");
      } else {
        AddRow(wrong_bytes, i);
        AddRow(no_record, i);
      }
    }
    EXPECT_TRUE(absl::IsDataLoss(wrong_bytes.Finish().status()));
    EXPECT_TRUE(absl::IsDataLoss(no_record.Finish().status()));
  }
}

TEST(RowLoaderTest, CanBeGivenUpHalfWay) {
  RowLoader loader(2);
  for (int i = 0; i < kRows; ++i) AddRow(loader, i);
}

}  // namespace
}  // namespace lockstep
