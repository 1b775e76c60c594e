// Each kind of mistake that a build with LOCKSTEP_SANITIZE=address must end a
// program for. Built in such a build only.

#include <climits>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

// What the optimizer cannot know.
template <typename T>
T Opaque(T value) {
  volatile T hidden = value;
  return hidden;
}

[[gnu::noinline]] int* AddressOfALocal() {
  int local = 3;
  return Opaque(&local);
}

class AddressTest : public testing::Test {
 protected:
  AddressTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(AddressTest, ReadingPastTheEndIsFound) {
  std::vector<int> values(4);
  const int* data = values.data();

  EXPECT_DEATH(Opaque(data[Opaque(4)]), "heap-buffer-overflow");
}

TEST_F(AddressTest, AnIndexBeyondAVectorIsFound) {
  std::vector<int> values;
  values.reserve(8);

  EXPECT_DEATH(Opaque(values[Opaque(4)]), "__n < this->size\\(\\)");
}

TEST_F(AddressTest, UseAfterFreeIsFound) {
  EXPECT_DEATH(
      {
        int* value = new int(3);
        delete value;
        Opaque(*Opaque(value));
      },
      "heap-use-after-free");
}

TEST_F(AddressTest, UseAfterReturnIsFound) {
  EXPECT_DEATH(Opaque(*AddressOfALocal()), "stack-use-after-return");
}

TEST_F(AddressTest, ALeakIsFound) {
  EXPECT_DEATH(
      {
        for (int i = 0; i < 16; ++i) Opaque(new int[100]);
        std::exit(0);
      },
      "detected memory leaks");
}

TEST_F(AddressTest, SignedOverflowIsFound) {
  EXPECT_DEATH(Opaque(Opaque(INT_MAX) + 1), "signed integer overflow");
}

TEST_F(AddressTest, ACastOutOfRangeIsFound) {
  EXPECT_DEATH(Opaque(static_cast<int>(Opaque(1e20))),
               "outside the range of representable values");
}

}  // namespace
}  // namespace lockstep
