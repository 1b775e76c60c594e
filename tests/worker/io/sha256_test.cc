#include "worker/io/sha256.h"

#include "tests/testing/temp_dir.h"
#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

TEST(Sha256Test, AgreesWithTheStandard) {
  // FIPS 180-2, appendix B.
  EXPECT_EQ(Sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, IsTheSameInPartsAndFromAFile) {
  const testing::ScopedTempDir dir;
  testing::WriteText(dir.Path("f"), "abc");
  Sha256 parts;
  parts.Update("a", 1);
  parts.Update("bc", 2);

  EXPECT_EQ(parts.HexDigest(), Sha256Hex("abc"));
  EXPECT_EQ(*Sha256OfFile(dir.Path("f")), Sha256Hex("abc"));
  EXPECT_THAT(Sha256OfFile(dir.Path("g")),
              testing::Fails(absl::StatusCode::kNotFound,
                             testing::Parts{dir.Path("g")}));
}

// A device may have no end, a FIFO no writer.
TEST(Sha256Test, OnlyRegularFilesAreRead) {
  for (const char* path : {"/dev/zero", "/dev"}) {
    EXPECT_THAT(Sha256OfFile(path),
                testing::Fails(absl::StatusCode::kInvalidArgument,
                               testing::Parts{path, "not a regular file"}));
  }
}

TEST(Sha256Test, FieldsKeepTheirBorders) {
  Sha256 one;
  one.UpdateField("ab");
  one.UpdateField("c");
  Sha256 other;
  other.UpdateField("a");
  other.UpdateField("bc");

  EXPECT_NE(one.HexDigest(), other.HexDigest());
}

}  // namespace
}  // namespace lockstep
