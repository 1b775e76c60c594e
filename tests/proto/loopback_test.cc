#include "proto/contract/loopback.h"

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(LoopbackTest, IsThisHostAlone) {
  for (const char* host : {"localhost", "[::1]", "127.0.0.1", "127.8.9.10"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"127.evil.example", "127.", "128.0.0.1", "0.0.0.0",
                           "10.0.0.1", "::1", "localhost.example", ""}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

}  // namespace
}  // namespace lockstep
