#include "client/cli/hub_cache.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace lockstep::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kCommit[] = "0123456789abcdef0123456789abcdef01234567";

// A cache with org/name, laid out as huggingface_hub does it.
class HubCacheTest : public ::testing::Test {
 protected:
  HubCacheTest() {
    for (const char* variable : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"}) {
      unsetenv(variable);
    }
    setenv("HF_HOME", dir_.path().c_str(), 1);
    fs::create_directories(Model("blobs"));
    fs::create_directories(Model("refs"));
    fs::create_directories(snapshot());
    std::ofstream(Model("blobs/b10b")) << "{}";
    std::ofstream(Model("refs/main")) << kCommit;
    fs::create_symlink("../../blobs/b10b", snapshot() + "/config.json");
  }
  ~HubCacheTest() override { unsetenv("HF_HOME"); }

  std::string Model(const std::string& name) const {
    return dir_.Path("hub/models--org--name/" + name);
  }
  std::string snapshot() const {
    return Model(std::string("snapshots/") + kCommit);
  }
  std::string FindError() const {
    const auto found = FindInHubCache(HubCacheFolder(), "org/name");
    EXPECT_FALSE(found.ok());
    return std::string(found.status().message());
  }
  SpecFile Job(const std::string& model) const {
    SpecFile file;
    file.name = "job.yaml";
    file.folder = dir_.path();
    file.spec.mutable_model()->set_path(model);
    file.positions["model.path"] = {2, 8};
    return file;
  }

  const testing::ScopedTempDir dir_;
};

TEST_F(HubCacheTest, AnIdIsTwoPartsWithoutTricks) {
  for (const char* id : {"org/name", "Qwen/Qwen2.5-0.5B", "a/b_c", "0/1"}) {
    EXPECT_TRUE(IsHubId(id)) << id;
  }
  for (const char* text :
       {"", "name", "/name", "org/", "org/name/more", "../name", "./name",
        "org/..", "org/.name", "org/na..me", "org--x/name", "or g/name",
        "/org/name", "org/name\n"}) {
    EXPECT_FALSE(IsHubId(text)) << text;
  }
}

TEST_F(HubCacheTest, TheSnapshotOfMainIsFound) {
  const auto found = FindInHubCache(HubCacheFolder(), "org/name");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, snapshot());
  EXPECT_TRUE(fs::exists(*found + "/config.json"));
}

TEST_F(HubCacheTest, TheErrorSaysWhatWasLookedAt) {
  EXPECT_THAT(FindInHubCache("/none", "org/other").status().ToString(),
              HasSubstr("/none/models--org--other is missing"));
  std::ofstream(Model("refs/main")) << "../../../etc";
  EXPECT_THAT(FindError(), AllOf(HasSubstr(Model("refs/main")),
                                 HasSubstr("40 hexadecimal digits")));
  std::ofstream(Model("refs/main")) << std::string(40, 'f');
  EXPECT_THAT(FindError(),
              HasSubstr("snapshots/" + std::string(40, 'f') + " is missing"));
  fs::remove(Model("refs/main"));
  EXPECT_THAT(FindError(), HasSubstr("refs/main is missing"));
}

TEST_F(HubCacheTest, TheFirstVariableThatIsSetSaysWhere) {
  EXPECT_EQ(HubCacheFolder(), dir_.path() + "/hub");
  setenv("HF_HUB_CACHE", "/c/", 1);
  EXPECT_EQ(HubCacheFolder(), "/c");
  unsetenv("HF_HUB_CACHE");
  unsetenv("HF_HOME");
  setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(HubCacheFolder(), "/x/huggingface/hub");
  unsetenv("XDG_CACHE_HOME");
  EXPECT_THAT(HubCacheFolder(), HasSubstr("/.cache/huggingface/hub"));
}

TEST_F(HubCacheTest, AJobCarriesTheFolder) {
  SpecFile file = Job("org/name");
  file.spec.mutable_model()->set_adapter("org/name");

  ResolveHubIds(&file);

  EXPECT_THAT(file.problems, IsEmpty());
  EXPECT_EQ(file.spec.model().path(), snapshot());
  EXPECT_EQ(file.spec.model().adapter(), snapshot());
}

TEST_F(HubCacheTest, AFolderBesideTheFileGoesFirst) {
  fs::create_directories(dir_.Path("org/name"));
  SpecFile file = Job("org/name");

  ResolveHubIds(&file);

  EXPECT_EQ(file.spec.model().path(), "org/name");
}

TEST_F(HubCacheTest, AnIdThatIsNotThereIsAProblemOfItsLine) {
  SpecFile file = Job("org/other");

  ResolveHubIds(&file);

  ASSERT_THAT(file.problems, SizeIs(1));
  EXPECT_THAT(FormatProblem(file, file.problems[0]),
              AllOf(HasSubstr("job.yaml:2:8: model.path: org/other is neither"),
                    HasSubstr(dir_.path() + "/hub/models--org--other"),
                    HasSubstr("hf download org/other")));
}

TEST_F(HubCacheTest, OtherPathsStayAsTheyAre) {
  for (const char* path : {"/m/org/name", "./org/none", "model", ""}) {
    SpecFile file = Job(path);
    ResolveHubIds(&file);
    EXPECT_THAT(file.problems, IsEmpty()) << path;
    EXPECT_EQ(file.spec.model().path(), path);
  }
}

TEST_F(HubCacheTest, ACommandLineMayUseAnIdToo) {
  std::vector<std::string> words = {"check", "org/name", "--model", "org/name",
                                    "--model=org/name"};
  ASSERT_TRUE(ResolveHubIds(&words).ok());
  EXPECT_THAT(words, ElementsAre("check", "org/name", "--model", snapshot(),
                                 "--model=" + snapshot()));
  words = {"--model", "org/none"};
  EXPECT_TRUE(absl::IsNotFound(ResolveHubIds(&words)));
}

}  // namespace
}  // namespace lockstep::cli
