#include "server/launcher/process_folder.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class ProcessFolderTest : public ::testing::Test {
 protected:
  LaunchRequest RequestFor(int attempt, const std::string& token) {
    LaunchRequest request{.attempt = {"jobs/a", attempt},
                          .job_uid = "u",
                          .spec = {},
                          .token = token,
                          .ranks = {}};
    request.spec.set_output_dir("/out");
    request.spec.mutable_train()->set_learning_rate(0.5);
    return request;
  }
  std::string Read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ + "/" + name).rdbuf();
    return text.str();
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  mode_t ModeOf(const std::string& name) const {
    struct stat info {};
    EXPECT_EQ(stat((folder_ + "/" + name).c_str(), &info), 0) << name;
    return info.st_mode & 0777;
  }

  testing::ScopedTempDir dir_;
  const std::string folder_ = dir_.Path("jobs/u/prepare");
};

TEST_F(ProcessFolderTest, TheTokenIsForTheOwnerAlone) {
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(1, "secret")).ok());
  EXPECT_EQ(Read("token"), "secret\n");
  EXPECT_EQ(ModeOf("token"), 0600u);
}

TEST_F(ProcessFolderTest, AJobsFolderGoesWithAllThatIsInIt) {
  namespace fs = std::filesystem;
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(0, "secret")).ok());
  const fs::path output = dir_.Path("output");
  fs::create_directory(output);
  std::ofstream(output / "model") << "the user's";
  fs::create_directory_symlink(output, dir_.Path("jobs/u/link"));
  EXPECT_TRUE(RemoveJobFolder(dir_.Path("jobs/u")).ok());
  EXPECT_FALSE(fs::exists(dir_.Path("jobs/u")));
  // What a link leads to is somebody else's.
  EXPECT_TRUE(fs::exists(output / "model"));
  EXPECT_TRUE(RemoveJobFolder(dir_.Path("jobs/u")).ok());
}

TEST_F(ProcessFolderTest, OnlyTheFolderOfOneJobIsRemoved) {
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(0, "secret")).ok());
  for (const char* path : {"jobs/", "jobs/..", "jobs/.", "jobs/u/../*"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(RemoveJobFolder(dir_.Path(path))))
        << path;
  }
  EXPECT_TRUE(std::filesystem::exists(folder_));
}

TEST_F(ProcessFolderTest, SaysWhichFolderCannotBeRemoved) {
  std::ofstream(dir_.Path("file")) << "x";
  const absl::Status status = RemoveJobFolder(dir_.Path("file/u"));
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir_.Path("file/u")));
}

TEST_F(ProcessFolderTest, PrepareFindsItsSpec) {
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(0, "secret")).ok());
  v1::JobSpec spec;
  ASSERT_TRUE(
      google::protobuf::util::JsonStringToMessage(Read("spec.json"), &spec)
          .ok());
  EXPECT_EQ(spec.output_dir(), "/out");
  EXPECT_EQ(spec.train().learning_rate(), 0.5);
  EXPECT_THAT(Read("spec.json"), HasSubstr("\"output_dir\""));
}

TEST_F(ProcessFolderTest, AnotherPrepareHasAnotherToken) {
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(0, "old")).ok());
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(0, "new")).ok());
  EXPECT_EQ(Read("token"), "new\n");
  EXPECT_EQ(ModeOf("token"), 0600u);
}

TEST_F(ProcessFolderTest, NamesTheFolderThatCannotBeMade) {
  std::ofstream(dir_.Path("jobs")) << "a file";
  const absl::Status status = WriteProcessFolder(folder_, RequestFor(0, "t"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("create " + folder_));
}

TEST_F(ProcessFolderTest, NamesTheFileThatCannotBeReplaced) {
  ASSERT_EQ(mkdir(dir_.Path("token").c_str(), 0700), 0);
  const absl::Status status =
      WriteProcessFolder(dir_.path(), RequestFor(0, "t"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("replace " + dir_.Path("token")));
}

TEST_F(ProcessFolderTest, AnExitFileTellsHowRanksEnded) {
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(1, "t")).ok());
  // As worker/supervise writes it.
  Write("exit.json",
        R"({"ranks":[{"rank":0,"pid":10,"exit_code":75,"signal":0,)"
        R"("asked_to_stop":true},{"rank":1,"pid":11,"exit_code":0,)"
        R"("signal":9,"asked_to_stop":false,"out_of_memory":true}],)"
        R"("ended":true})"
        "\n");
  const auto ranks = ReadExitFile(folder_);
  ASSERT_TRUE(ranks.ok()) << ranks.status();
  ASSERT_THAT(*ranks, SizeIs(2));
  EXPECT_TRUE((*ranks)[0].exited());
  EXPECT_EQ((*ranks)[0].exit_code(), 75);
  EXPECT_TRUE((*ranks)[0].asked_to_stop());
  EXPECT_EQ((*ranks)[1].signal(), 9);
  EXPECT_TRUE((*ranks)[1].out_of_memory());
  EXPECT_EQ((*ranks)[1].pid(), 11);
}

TEST_F(ProcessFolderTest, AnExitFileIsWholeOrNone) {
  EXPECT_TRUE(absl::IsNotFound(ReadExitFile(folder_).status()));
  ASSERT_TRUE(WriteProcessFolder(folder_, RequestFor(1, "t")).ok());
  for (const char* text : {"", "{", "{}", "[]", R"({"ranks":[{"rank":"x"}]})",
                           R"({"ranks":[],"ended":false})"}) {
    Write("exit.json", text);
    const absl::Status status = ReadExitFile(folder_).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << text << ": " << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(folder_ + "/exit.json is not an exit file"));
  }
}

}  // namespace
}  // namespace lockstep
