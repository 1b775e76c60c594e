#include "tests/worker/train/resume_job.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "worker/io/checkpoint_manifest.h"
#include "worker/io/file.h"
#include "worker/io/sha256.h"
#include "worker/io/trainer_state.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

std::string ReadBytes(const std::string& path) {
  const auto bytes = ReadWholeFile(path);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.value_or("");
}

void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void ZeroIn(const std::string& path, const std::string& prefix) {
  std::string bytes = ReadBytes(path);
  uint64_t header_bytes = 0;
  ASSERT_GT(bytes.size(), sizeof(header_bytes));
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  const size_t data = sizeof(header_bytes) + header_bytes;
  const auto header =
      nlohmann::json::parse(bytes.substr(sizeof(header_bytes), header_bytes));
  int tensors = 0;
  for (const auto& [name, tensor] : header.items()) {
    if (!absl::StartsWith(name, prefix) || !tensor.contains("data_offsets")) {
      continue;
    }
    const size_t begin = tensor["data_offsets"][0];
    const size_t end = tensor["data_offsets"][1];
    std::memset(bytes.data() + data + begin, 0, end - begin);
    ++tensors;
  }
  EXPECT_GT(tensors, 0) << prefix << " in " << path;
  WriteBytes(path, bytes);
}

}  // namespace

std::unique_ptr<TrainingFixture> ResumeJob(const std::string& out,
                                           int64_t steps, bool lora) {
  auto fixture = std::make_unique<TrainingFixture>("models/tiny-llama");
  v1::JobSpec& spec = fixture->spec();
  if (lora) {
    spec.mutable_method()->mutable_lora()->set_dropout(0.1);
  } else {
    spec.mutable_method()->mutable_full();
    spec.mutable_method()->clear_lora();
  }
  spec.mutable_data()->set_shuffle(true);
  spec.mutable_data()->set_packing(v1::DataSpec::PACKING_BFD);
  spec.mutable_checkpoint()->set_save_steps(1);
  spec.mutable_logging()->set_logging_steps(3);
  spec.mutable_logging()->set_eval_steps(4);
  spec.set_output_dir(out);
  std::vector<Document> documents =
      GoldenDocuments(ReadGolden("tiny-llama.full"), /*slots=*/0);
  const std::vector<Document> eval(documents.begin(), documents.begin() + 5);
  documents.resize(70);
  fixture->SetData(documents, eval);
  fixture->SetSteps(steps, /*bins=*/4, /*ranks=*/2, /*accumulation=*/2);
  return fixture;
}

std::vector<std::map<std::string, double>> TimelessRows(
    const std::string& out) {
  const auto text = ReadWholeFile(out + "/" + kTrainerStateFile);
  EXPECT_TRUE(text.ok()) << text.status();
  const auto state = ParseTrainerState(*text, out);
  EXPECT_TRUE(state.ok()) << state.status();
  const auto history = state->log_history.Rows();
  EXPECT_TRUE(history.ok()) << history.status();
  std::vector<std::map<std::string, double>> rows;
  for (const LogRow& row : *history) {
    std::map<std::string, double> values = {{"step", row.step},
                                            {"epoch", row.epoch}};
    for (const auto& [key, value] : row.values) {
      const bool timed =
          key.find("runtime") != key.npos || key.find("per_second") != key.npos;
      if (!timed) values[key] = value;
    }
    rows.push_back(values);
  }
  return rows;
}

v1::Checkpoint EditedCheckpoint(
    const v1::Checkpoint& from, const std::string& to,
    const std::function<void(const std::string& dir)>& edit) {
  fs::copy(from.path(), to);
  edit(to);
  CheckpointManifest manifest = {.step = from.step(),
                                 .attempt = from.attempt()};
  const auto old = ParseManifest(ReadBytes(to + "/" + kManifestFile), to);
  EXPECT_TRUE(old.ok()) << old.status();
  for (const ManifestFile& file : old->files) {
    const std::string bytes = ReadBytes(to + "/" + file.name);
    manifest.files.push_back(
        {file.name, static_cast<int64_t>(bytes.size()), Sha256Hex(bytes)});
  }
  const std::string text = ManifestText(manifest);
  WriteBytes(to + "/" + kManifestFile, text);
  v1::Checkpoint checkpoint = from;
  checkpoint.set_path(to);
  checkpoint.set_manifest_sha256(Sha256Hex(text));
  return checkpoint;
}

void ZeroTensors(const std::string& dir, const std::string& stem,
                 const std::string& prefix) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, stem) ||
        !absl::EndsWith(name, ".safetensors")) {
      continue;
    }
    ZeroIn(entry.path().string(), prefix);
    ++files;
  }
  EXPECT_GT(files, 0) << stem << " in " << dir;
}

}  // namespace lockstep::testing
