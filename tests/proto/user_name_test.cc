#include "proto/contract/user_name.h"

#include <string>

#include "gtest/gtest.h"

namespace lockstep {
namespace {

TEST(UserNameTest, PeopleAndServicesHaveOne) {
  for (const char* name : {"alice", "Alice.B", "ci-bot", "a@example.com",
                           "spiffe://cluster/ns/a", "0", "localhost"}) {
    EXPECT_TRUE(IsValidUserName(name)) << name;
  }
  EXPECT_TRUE(IsValidUserName(std::string(128, 'a')));
}

TEST(UserNameTest, NobodyIsCalledWhatTheCoordinatorMeansOtherwise) {
  for (const char* name : {"local", "admin", "anybody", "jobs/a", "jobs/"}) {
    EXPECT_FALSE(IsValidUserName(name)) << name;
  }
}

TEST(UserNameTest, WhatATerminalOrAFileTakesForSomethingElseIsNoName) {
  for (const char* name :
       {"", "a b", "a\n", "a#", "\x1b[1m", "\xc3\xa4", "a\"", "a\t"}) {
    EXPECT_FALSE(IsValidUserName(name)) << name;
  }
  EXPECT_FALSE(IsValidUserName(std::string(129, 'a')));
  EXPECT_FALSE(IsValidUserName(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace lockstep
