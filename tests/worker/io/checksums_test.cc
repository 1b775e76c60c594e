#include "worker/io/checksums.h"

#include <cstdlib>
#include <filesystem>

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

using testing::Fails;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::ScopedTempDir;
using testing::WriteText;

class ChecksumsTest : public ::testing::Test {
 protected:
  ChecksumsTest() {
    WriteText(dir_.Path("a"), "one");
    WriteText(dir_.Path("b"), std::string(1000, 'x'));
    EXPECT_THAT(WriteChecksums(dir_.path(), {"a", "b"}), IsOk());
  }
  void ExpectDamaged(const std::string& name) {
    EXPECT_THAT(CheckChecksums(dir_.path()),
                Fails(absl::StatusCode::kDataLoss, Parts{dir_.Path(name)}));
  }

  ScopedTempDir dir_;
};

TEST_F(ChecksumsTest, AWholeFolderAgreesAlsoForSha256sum) {
  EXPECT_THAT(CheckChecksums(dir_.path()), IsOk());
  EXPECT_EQ(std::system(("cd " + dir_.path() +
                         " && sha256sum --check --strict --quiet SHA256SUMS")
                            .c_str()),
            0);
}

TEST_F(ChecksumsTest, EveryBitCounts) {
  std::string content = ReadText(dir_.Path("b"));
  content[999] ^= 1;
  WriteText(dir_.Path("b"), content);

  ExpectDamaged("b");
}

TEST_F(ChecksumsTest, AFileThatIsGoneIsDamage) {
  std::filesystem::remove(dir_.Path("a"));

  ExpectDamaged("a");
}

TEST_F(ChecksumsTest, ADamagedListIsDamage) {
  for (const char* text : {"x", "0123  a\n"}) {
    WriteText(dir_.Path(kChecksumsFile), text);

    ExpectDamaged(kChecksumsFile);
  }
}

TEST_F(ChecksumsTest, AFolderWithoutAListIsNotFound) {
  std::filesystem::remove(dir_.Path(kChecksumsFile));

  EXPECT_THAT(
      CheckChecksums(dir_.path()),
      Fails(absl::StatusCode::kNotFound, Parts{dir_.Path(kChecksumsFile)}));
}

TEST_F(ChecksumsTest, OfAFileThatIsNotThereAreNone) {
  EXPECT_THAT(WriteChecksums(dir_.path(), {"c"}),
              Fails(absl::StatusCode::kNotFound, Parts{dir_.Path("c")}));
}

}  // namespace
}  // namespace lockstep
