#include "worker/io/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"
#include "tests/worker/io/checkpoint_fixture.h"
#include "tests/worker/io/file_size_limit.h"
#include "tests/worker/io/io_testing.h"

namespace lockstep {
namespace {

using testing::AgreeingOptions;
using ::testing::ElementsAre;
using testing::Entries;
using testing::Fails;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Parts;
using testing::ReadText;
using testing::SampleCheckpoint;
using testing::ScopedTempDir;
using testing::WriteText;

// In place, so that thousands of flips cost little.
void FlipBit(const std::string& path, size_t byte) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(byte));
  const int before = file.get();
  file.seekp(static_cast<std::streamoff>(byte));
  file.put(static_cast<char>(before ^ (1 << (byte % 8))));
  ASSERT_TRUE(file.good());
}

TEST(CheckpointTest, ReadsBackWhatItWrites) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;

  const auto info =
      WriteCheckpoint(AgreeingOptions(dir.path()), sample.contents());

  ASSERT_THAT(info, IsOk());
  const std::string path = dir.Path("checkpoint-100");
  EXPECT_THAT(Entries(dir.path()), ElementsAre("checkpoint-100"));
  EXPECT_THAT(Entries(path),
              ElementsAre("MANIFEST", "config.json", "lockstep_state.json",
                          "model.safetensors", "optimizer_exp_avg.safetensors",
                          "optimizer_exp_avg_sq.safetensors"));
  const auto checkpoint = Checkpoint::Open(path, info->manifest_sha256);
  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_EQ(checkpoint->info().step, 100);
  EXPECT_EQ(checkpoint->info().attempt, 3);
  EXPECT_EQ(checkpoint->info().size_bytes, info->size_bytes);
  EXPECT_EQ(CheckpointStateToJson(checkpoint->state()),
            CheckpointStateToJson(testing::SampleState()));
  EXPECT_THAT(checkpoint->WeightNames(), ElementsAre("layer.a", "layer.b"));
  std::vector<float> weight(6), moment(3);
  ASSERT_THAT(checkpoint->ReadWeight("layer.a", {2, 3}, weight.data()), IsOk());
  EXPECT_EQ(weight, sample.weights().values(0));
  ASSERT_THAT(
      checkpoint->ReadOptimizer("exp_avg_sq", "layer.b", {3}, moment.data()),
      IsOk());
  EXPECT_EQ(moment, sample.exp_avg_sq().values(1));
  EXPECT_TRUE(checkpoint->HasFile("config.json"));
  EXPECT_FALSE(checkpoint->HasFile("trainer_state.json"));
  EXPECT_EQ(ReadText(checkpoint->FilePath("config.json")), "{}\n");
}

TEST(CheckpointTest, ReadsBackFromShards) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  CheckpointWriteOptions options = AgreeingOptions(dir.path());
  options.max_shard_bytes = 1;

  ASSERT_THAT(WriteCheckpoint(options, sample.contents()), IsOk());

  const auto checkpoint = Checkpoint::Open(dir.Path("checkpoint-100"));
  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_TRUE(checkpoint->HasFile("model-00001-of-00002.safetensors"));
  std::vector<float> weight(3);
  ASSERT_THAT(checkpoint->ReadWeight("layer.b", {3}, weight.data()), IsOk());
  EXPECT_EQ(weight, sample.weights().values(1));
}

TEST(CheckpointTest, AnAdapterIsNeverCut) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  CheckpointContents contents = sample.contents();
  contents.weights_stem = "adapter_model";
  CheckpointWriteOptions options = AgreeingOptions(dir.path());
  options.max_shard_bytes = 1;

  ASSERT_THAT(WriteCheckpoint(options, contents), IsOk());

  EXPECT_TRUE(FileExists(dir.Path("checkpoint-100/adapter_model.safetensors")));
}

TEST(CheckpointTest, NamesATensorThatItLacks) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  ASSERT_THAT(WriteCheckpoint(AgreeingOptions(dir.path()), sample.contents()),
              IsOk());
  const auto checkpoint = Checkpoint::Open(dir.Path("checkpoint-100"));
  ASSERT_THAT(checkpoint, IsOk());
  float out[6];

  EXPECT_THAT(
      checkpoint->ReadWeight("layer.c", {1}, out),
      Fails(absl::StatusCode::kDataLoss, Parts{"checkpoint-100", "layer.c"}));
  EXPECT_THAT(checkpoint->ReadOptimizer("momentum", "layer.a", {2, 3}, out),
              Fails(absl::StatusCode::kDataLoss, Parts{"momentum/layer.a"}));
  EXPECT_THAT(checkpoint->ReadWeight("layer.a", {3, 2}, out),
              Fails(absl::StatusCode::kDataLoss, Parts{"[2, 3]", "[3, 2]"}));
}

TEST(CheckpointTest, IsGrantedBeforeItExistsAndCommittedAfter) {
  const ScopedTempDir dir;
  const std::string path = dir.Path("checkpoint-100");
  SampleCheckpoint sample;
  CheckpointWriteOptions options = AgreeingOptions(dir.path());
  CheckpointInfo granted, committed;
  options.grant = [&](const CheckpointInfo& info) {
    EXPECT_THAT(Entries(dir.path()), ElementsAre("checkpoint-100.a3.tmp"));
    EXPECT_FALSE(FileExists(dir.Path("checkpoint-100.a3.tmp/MANIFEST")));
    granted = info;
    return absl::OkStatus();
  };
  options.commit = [&](const CheckpointInfo& info) {
    EXPECT_THAT(Checkpoint::Open(path, info.manifest_sha256), IsOk());
    committed = info;
    return absl::OkStatus();
  };

  ASSERT_THAT(WriteCheckpoint(options, sample.contents()), IsOk());

  EXPECT_EQ(granted.path, path);
  EXPECT_EQ(granted.step, 100);
  EXPECT_EQ(granted.manifest_sha256, Sha256Hex(ReadText(path + "/MANIFEST")));
  EXPECT_EQ(committed.manifest_sha256, granted.manifest_sha256);
  EXPECT_EQ(committed.size_bytes, granted.size_bytes);
}

TEST(CheckpointTest, LeavesNothingWithoutAGrant) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  CheckpointWriteOptions options = AgreeingOptions(dir.path());
  options.grant = [](const CheckpointInfo&) {
    return absl::FailedPreconditionError("superseded");
  };

  EXPECT_THAT(
      WriteCheckpoint(options, sample.contents()),
      Fails(absl::StatusCode::kFailedPrecondition, Parts{"superseded"}));

  EXPECT_THAT(Entries(dir.path()), IsEmpty());
}

TEST(CheckpointTest, StaysWhenItCannotBeListed) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  CheckpointWriteOptions options = AgreeingOptions(dir.path());
  options.commit = [](const CheckpointInfo&) {
    return absl::UnavailableError("coordinator away");
  };

  EXPECT_THAT(WriteCheckpoint(options, sample.contents()),
              Fails(absl::StatusCode::kUnavailable, Parts{"away"}));

  EXPECT_THAT(Checkpoint::Open(dir.Path("checkpoint-100")), IsOk());
}

TEST(CheckpointTest, TakesThePlaceOfAnUnlistedOne) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  ASSERT_THAT(WriteCheckpoint(AgreeingOptions(dir.path()), sample.contents()),
              IsOk());
  CheckpointWriteOptions options = AgreeingOptions(dir.path());
  options.attempt = 4;

  ASSERT_THAT(WriteCheckpoint(options, sample.contents()), IsOk());

  EXPECT_THAT(Entries(dir.path()), ElementsAre("checkpoint-100"));
  EXPECT_EQ(Checkpoint::Open(dir.Path("checkpoint-100"))->info().attempt, 4);
}

TEST(CheckpointTest, NeverSavesWhatIsNotFinite) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  sample.exp_avg_sq().values(1)[2] = std::nanf("");

  EXPECT_THAT(WriteCheckpoint(AgreeingOptions(dir.path()), sample.contents()),
              Fails(absl::StatusCode::kInvalidArgument,
                    Parts{"layer.b", "element 2", "nan"}));

  EXPECT_THAT(Entries(dir.path()), IsEmpty());
}

TEST(CheckpointTest, AFullDiskLeavesNothing) {
  const ScopedTempDir dir;
  SampleCheckpoint sample;
  // Below the size of each kind of file in turn.
  for (const rlim_t bytes : {100, 250, 500, 800}) {
    const testing::ScopedFileSizeLimit limit(bytes);

    EXPECT_THAT(WriteCheckpoint(AgreeingOptions(dir.path()), sample.contents()),
                Fails(absl::StatusCode::kResourceExhausted,
                      Parts{"checkpoint-100.a3.tmp"}));

    EXPECT_THAT(Entries(dir.path()), IsEmpty()) << bytes;
  }
}

TEST(CheckpointTest, NamesAFolderThatCannotBeWritten) {
  const ScopedTempDir dir;
  WriteText(dir.Path("out"), "");
  SampleCheckpoint sample;

  EXPECT_THAT(
      WriteCheckpoint(AgreeingOptions(dir.Path("out")), sample.contents()),
      Fails(absl::StatusCode::kNotFound, Parts{dir.Path("out")}));
}

class DamagedCheckpointTest : public ::testing::Test {
 protected:
  DamagedCheckpointTest() : path_(dir_.Path("checkpoint-100")) {
    const SampleCheckpoint sample;
    EXPECT_THAT(
        WriteCheckpoint(AgreeingOptions(dir_.path()), sample.contents()),
        IsOk());
  }
  std::string Path(const std::string& name) const {
    return JoinPath(path_, name);
  }
  absl::Status Open() const { return Checkpoint::Open(path_).status(); }

  const ScopedTempDir dir_;
  const std::string path_;
};

TEST_F(DamagedCheckpointTest, EveryFlippedBitIsFoundAndTheFileNamed) {
  int64_t flips = 0;
  for (const std::string& name : Entries(path_)) {
    const std::string good = ReadText(Path(name));
    for (size_t i = 0; i < good.size(); ++i) {
      FlipBit(Path(name), i);
      ASSERT_THAT(Open(), Fails(absl::StatusCode::kDataLoss, Parts{Path(name)}))
          << "byte " << i;
      FlipBit(Path(name), i);
      ++flips;
    }
    ASSERT_EQ(ReadText(Path(name)), good);
  }
  EXPECT_GT(flips, 2000);
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(DamagedCheckpointTest, TruncationIsFound) {
  for (const std::string& name : Entries(path_)) {
    const std::string good = ReadText(Path(name));
    for (const size_t size : {size_t{0}, good.size() / 2, good.size() - 1}) {
      WriteText(Path(name), good.substr(0, size));
      EXPECT_THAT(Open(),
                  Fails(absl::StatusCode::kDataLoss, Parts{Path(name)}));
    }
    WriteText(Path(name), good);
  }
}

TEST_F(DamagedCheckpointTest, AMissingFileIsFound) {
  ASSERT_THAT(RemoveTree(Path("model.safetensors")), IsOk());

  EXPECT_THAT(Open(), Fails(absl::StatusCode::kDataLoss,
                            Parts{Path("model.safetensors"), "missing"}));
}

TEST_F(DamagedCheckpointTest, AFileOfAnotherStepIsFound) {
  SampleCheckpoint other;
  other.weights().values(0)[0] = 99;
  CheckpointContents contents = other.contents();
  contents.state.position.step = 200;
  ASSERT_THAT(WriteCheckpoint(AgreeingOptions(dir_.path()), contents), IsOk());
  ASSERT_THAT(CopyWholeFile(dir_.Path("checkpoint-200/model.safetensors"),
                            Path("model.safetensors")),
              IsOk());

  EXPECT_THAT(Open(), Fails(absl::StatusCode::kDataLoss,
                            Parts{Path("model.safetensors"), "SHA-256"}));
}

TEST_F(DamagedCheckpointTest, AManifestThatIsNotTheListedOneIsFound) {
  EXPECT_THAT(Checkpoint::Open(path_, std::string(64, '0')),
              Fails(absl::StatusCode::kDataLoss,
                    Parts{Path("MANIFEST"), std::string(64, '0')}));
}

TEST_F(DamagedCheckpointTest, AFolderWithoutAManifestIsNotFound) {
  ASSERT_THAT(RemoveTree(Path("MANIFEST")), IsOk());

  EXPECT_THAT(Open(),
              Fails(absl::StatusCode::kNotFound, Parts{Path("MANIFEST")}));
}

TEST_F(DamagedCheckpointTest, AManifestMayNotLeadElsewhere) {
  CheckpointManifest manifest = *ParseManifest(ReadText(Path("MANIFEST")), "m");
  for (const char* name : {"../secret", "/etc/passwd", "", ".", "MANIFEST"}) {
    manifest.files.front().name = name;
    WriteText(Path("MANIFEST"), ManifestText(manifest));

    EXPECT_THAT(Open(), Fails(absl::StatusCode::kDataLoss,
                              Parts{Path("MANIFEST"), "it lists a file"}));
  }
}

TEST_F(DamagedCheckpointTest, AFileThatAgreesWithItsDigestMayStillBeWrong) {
  for (const std::string name : {"lockstep_state.json", "model.safetensors"}) {
    const std::string manifest_text = ReadText(Path("MANIFEST"));
    const std::string good = ReadText(Path(name));
    CheckpointManifest manifest = *ParseManifest(manifest_text, "m");
    for (ManifestFile& file : manifest.files) {
      if (file.name == name) file = {name, 2, Sha256Hex("{}")};
    }
    WriteText(Path(name), "{}");
    WriteText(Path("MANIFEST"), ManifestText(manifest));

    EXPECT_THAT(Open(), Fails(absl::StatusCode::kDataLoss, Parts{Path(name)}));

    WriteText(Path(name), good);
    WriteText(Path("MANIFEST"), manifest_text);
  }
}

TEST_F(DamagedCheckpointTest, AFolderInAFilesPlaceIsFound) {
  ASSERT_THAT(RemoveTree(Path("config.json")), IsOk());
  ASSERT_THAT(MakeFolder(Path("config.json")), IsOk());

  EXPECT_THAT(Open(), Fails(absl::StatusCode::kDataLoss,
                            Parts{Path("config.json"), "not a regular file"}));
}

TEST(CheckpointManifestTest, RefusesWhatIsSealedButNoManifest) {
  EXPECT_THAT(ParseManifest("[]", "m"),
              Fails(absl::StatusCode::kDataLoss, Parts{"m", "JSON object"}));
  CheckpointManifest manifest;
  manifest.files.push_back({"f", 1, "x"});
  std::string text = ManifestText(manifest);
  // A number where a name should be, sealed anew.
  auto json = nlohmann::ordered_json::parse(text);
  json.erase("sha256");
  json["files"][0]["name"] = 7;
  json["sha256"] = Sha256Hex(json.dump(2));
  EXPECT_THAT(ParseManifest(json.dump(2) + "\n", "m"),
              Fails(absl::StatusCode::kDataLoss, Parts{"m", "not a manifest"}));
}

TEST(CheckpointManifestTest, TellsAnotherReleaseFromDamage) {
  // Sealed by the same rule, of a version to come.
  const std::string body =
      "{\n  \"format\": \"lockstep.checkpoint\",\n  \"version\": 2";
  const std::string digest = Sha256Hex(body + "\n}");
  const std::string text = body + ",\n  \"sha256\": \"" + digest + "\"\n}\n";

  EXPECT_THAT(ParseManifest(text, "m"),
              Fails(absl::StatusCode::kFailedPrecondition,
                    Parts{"m: version: 2", "allowed: 1"}));
}

}  // namespace
}  // namespace lockstep
