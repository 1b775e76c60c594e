#include "tests/worker/train/training_fixture.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "proto/contract/job_spec.h"
#include "worker/comm/local_communicator.h"
#include "worker/data/data_loader.h"
#include "worker/io/safetensors.h"
#include "worker/train/training_run.h"

namespace lockstep::testing {

std::string TestDataPath(const std::string& name) {
  const char* source = std::getenv("LOCKSTEP_SOURCE_DIR");
  return std::string(source == nullptr ? "." : source) + "/tests/testdata/" +
         name;
}

nlohmann::json ReadGolden(const std::string& name) {
  std::ifstream file(TestDataPath("golden/" + name + ".json"));
  EXPECT_TRUE(file.good()) << name;
  return nlohmann::json::parse(file);
}

Document ToDocument(const nlohmann::json& document) {
  Document out;
  document.at("input_ids").get_to(out.ids);
  document.at("trained").get_to(out.trained);
  return out;
}

std::vector<Document> GoldenDocuments(const nlohmann::json& golden, int slots) {
  std::vector<Document> documents;
  for (const nlohmann::json& step : golden.at("steps")) {
    const size_t begin = documents.size();
    for (const nlohmann::json& bin : step.at("bins")) {
      for (const nlohmann::json& document : bin) {
        documents.push_back(ToDocument(document));
      }
    }
    while (documents.size() < begin + slots) {
      documents.push_back({.ids = {3}, .trained = {0}});
    }
  }
  return documents;
}

void WriteTokenCache(const std::string& dir, const std::string& split,
                     const std::vector<Document>& documents) {
  auto writer = TokenCacheWriter::Create(dir, split, std::string(64, 'd'));
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (size_t i = 0; i < documents.size(); ++i) {
    ASSERT_TRUE(
        (*writer)
            ->Append(documents[i], {.file = "rows.jsonl",
                                    .line = static_cast<int64_t>(i) + 1})
            .ok());
  }
  ASSERT_TRUE((*writer)->Finish().ok());
}

namespace {

const Parameter& FindParameter(const RankOutcome& outcome,
                               const std::string& name) {
  for (const Parameter& parameter : outcome.parameters) {
    if (parameter.name == name) return parameter;
  }
  ADD_FAILURE() << "no parameter " << name;
  return outcome.parameters.front();
}

}  // namespace

at::Tensor RankOutcome::Value(const std::string& name) const {
  return Parameters::View(values, FindParameter(*this, name));
}

at::Tensor RankOutcome::Gradient(const std::string& name) const {
  return Parameters::View(gradients, FindParameter(*this, name));
}

TrainingFixture::TrainingFixture(const std::string& model) {
  v1::JobSpec& spec = *job.mutable_spec();
  spec.mutable_model()->set_path(TestDataPath(model));
  spec.mutable_method()->mutable_lora()->set_r(8);
  spec.mutable_data()->set_max_length(64);
  spec.mutable_data()->set_shuffle(false);
  spec.mutable_train()->set_learning_rate(1e-3);
  spec.mutable_checkpoint()->set_save_steps(0);
  spec.set_output_dir(Path("out"));
  job.mutable_plan()->set_token_cache(Path("cache"));
  std::filesystem::create_directory(Path("cache"));
}

void TrainingFixture::SetData(const std::vector<Document>& train,
                              const std::vector<Document>& eval) {
  WriteTokenCache(Path("cache"), "train", train);
  job.mutable_plan()->set_eval_rows(static_cast<int64_t>(eval.size()));
  if (!eval.empty()) spec().mutable_data()->set_eval_fraction(0.1);
  if (!eval.empty()) WriteTokenCache(Path("cache"), "eval", eval);
}

void TrainingFixture::SetSteps(int64_t steps, int64_t bins, int ranks,
                               int accumulation) {
  ASSERT_EQ(bins % (ranks * accumulation), 0);
  v1::TrainSpec& train = *spec().mutable_train();
  train.set_per_device_train_batch_size(bins / (ranks * accumulation));
  train.set_gradient_accumulation_steps(accumulation);
  spec().mutable_resources()->set_ranks(ranks);
  job.set_world_size(ranks);
  job.mutable_plan()->set_steps(steps);
}

void TrainingFixture::CompletePlan() {
  ApplyDefaults(&spec());
  auto cache = TokenCache::Open(Path("cache"));
  ASSERT_TRUE(cache.ok()) << cache.status();
  auto loader = DataLoader::Create(
      &*cache,
      {.packing = spec().data().packing(),
       .max_length = spec().data().max_length(),
       .per_device_batch = spec().train().per_device_train_batch_size(),
       .accumulation = spec().train().gradient_accumulation_steps(),
       .world_size = job.world_size()});
  ASSERT_TRUE(loader.ok()) << loader.status();
  job.mutable_plan()->set_steps_per_epoch(loader->steps_per_epoch());
}

std::vector<RankOutcome> TrainingFixture::Run(FakeCoordinator& coordinator,
                                              int attempt) {
  CompletePlan();
  auto group = MakeLocalGroup(job.world_size());
  std::vector<RankOutcome> outcomes(group.size());
  std::vector<std::thread> ranks;
  for (size_t rank = 0; rank < group.size(); ++rank) {
    ranks.emplace_back([&, rank] {
      at::set_num_threads(1);
      outcomes[rank] = RunRank(*group[rank], coordinator, attempt);
      // A process that ends breaks the connections to its peers.
      if (!outcomes[rank].status.ok()) group[rank]->Abort();
    });
  }
  for (std::thread& rank : ranks) rank.join();
  return outcomes;
}

std::vector<RankOutcome> TrainingFixture::MustRun(FakeCoordinator& coordinator,
                                                  int attempt) {
  std::vector<RankOutcome> outcomes = Run(coordinator, attempt);
  for (const RankOutcome& outcome : outcomes) {
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
  return outcomes;
}

RankOutcome TrainingFixture::RunRank(Communicator& communicator,
                                     FakeCoordinator& coordinator,
                                     int attempt) {
  RankOutcome outcome;
  Progress progress(coordinator, {.attempt = attempt,
                                  .rank = communicator.rank(),
                                  .heartbeat_interval = absl::Milliseconds(1),
                                  .batch_interval = absl::Milliseconds(1),
                                  .retry_interval = absl::Milliseconds(1)});
  const std::atomic<bool> stop = terminated(communicator.rank());
  auto run =
      TrainingRun::Build({.job = job,
                          .attempt = attempt,
                          .communicator = communicator,
                          .coordinator = coordinator,
                          .progress = progress,
                          .stop_requested = stop,
                          .lines = communicator.rank() == 0 ? lines : nullptr,
                          .longest_flush = longest_flush});
  outcome.status = run.status();
  if (outcome.status.ok()) outcome.status = (*run)->Restore();
  if (!outcome.status.ok()) {
    progress.Flush(absl::Seconds(30));
    return outcome;
  }
  outcome.resumed_step = (*run)->resumed_step();
  const absl::StatusOr<Trainer::End> end = (*run)->Train();
  const Parameters& parameters = *(*run)->weights().parameters();
  outcome.values = parameters.values();
  outcome.gradients = parameters.gradients();
  outcome.parameters = parameters.list();
  outcome.status = end.status();
  if (!end.ok()) return outcome;
  outcome.end = *end;
  if (*end == Trainer::End::kFinished) outcome.status = (*run)->Save();
  if (outcome.status.ok()) outcome.status = (*run)->Leave();
  progress.Flush(absl::Seconds(30));
  return outcome;
}

std::map<int64_t, double> Curve(const FakeCoordinator& coordinator,
                                const std::string& key) {
  std::map<int64_t, double> curve;
  for (const v1::MetricPoint& point : coordinator.points()) {
    const auto value = point.values().find(key);
    if (value != point.values().end()) curve[point.step()] = value->second;
  }
  return curve;
}

double RelativeDistance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor exact = b.to(at::kDouble);
  return ((a.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
}

at::Tensor GoldenTensor(const std::string& file, const std::string& name,
                        const std::vector<int64_t>& shape) {
  auto opened = SafetensorsFile::Open(TestDataPath(file));
  EXPECT_TRUE(opened.ok()) << opened.status();
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const absl::Status read =
      opened->ReadFloat32(name, shape, tensor.data_ptr<float>());
  EXPECT_TRUE(read.ok()) << read;
  return tensor;
}

}  // namespace lockstep::testing
