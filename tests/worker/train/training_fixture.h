#ifndef LOCKSTEP_TESTS_WORKER_TRAIN_TRAINING_FIXTURE_H_
#define LOCKSTEP_TESTS_WORKER_TRAIN_TRAINING_FIXTURE_H_

// A small job in a folder of its own, trained by ranks that are threads of the
// test and talk to a coordinator in memory.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/worker/v1/worker_service.pb.h"
#include "nlohmann/json.hpp"
#include "tests/testing/temp_dir.h"
#include "tests/worker/coordinator/fake_coordinator.h"
#include "worker/data/token_cache.h"
#include "worker/train/trainer.h"

namespace lockstep::testing {

// tests/testdata/NAME.
std::string TestDataPath(const std::string& name);
nlohmann::json ReadGolden(const std::string& name);

// {"input_ids", "trained"} of a golden.
Document ToDocument(const nlohmann::json& document);
// All documents of a training golden, in order. With `slots` each step is
// filled up to so many by documents that are not trained and change nothing,
// so that a data loader without packing deals one golden step a step.
std::vector<Document> GoldenDocuments(const nlohmann::json& golden, int slots);

// Writes DIR/SPLIT.tokens.
void WriteTokenCache(const std::string& dir, const std::string& split,
                     const std::vector<Document>& documents);

// How one rank ended.
struct RankOutcome {
  absl::Status status;
  Trainer::End end = Trainer::End::kStopped;
  int64_t resumed_step = 0;
  // Trained weights, and the gradients of the last step, summed.
  at::Tensor values;
  at::Tensor gradients;
  // Names and places of the parameters.
  std::vector<Parameter> parameters;

  at::Tensor Value(const std::string& name) const;
  at::Tensor Gradient(const std::string& name) const;
};

class TrainingFixture {
 public:
  // Of `model` below tests/testdata; LoRA r 8 unless the spec is changed.
  explicit TrainingFixture(const std::string& model);

  v1::JobSpec& spec() { return *job.mutable_spec(); }
  std::string output_dir() const { return job.spec().output_dir(); }
  std::string Path(const std::string& name) const { return dir_.Path(name); }

  // Sets train and, if there are any, evaluation data.
  void SetData(const std::vector<Document>& train,
               const std::vector<Document>& eval = {});
  // Ranks and accumulation that share steps of `bins` bins; `steps` in all.
  void SetSteps(int64_t steps, int64_t bins, int ranks, int accumulation);

  // Fills in the spec's defaults and the plan's steps_per_epoch, as prepare
  // does; Run does it too.
  void CompletePlan();
  // One attempt, from Build to Leave; by rank.
  std::vector<RankOutcome> Run(FakeCoordinator& coordinator, int attempt = 1);
  // For a test that expects success of all.
  std::vector<RankOutcome> MustRun(FakeCoordinator& coordinator,
                                   int attempt = 1);

  // What Join answers.
  worker::v1::JoinResponse job;
  // Whether rank r has got SIGTERM.
  std::function<bool(int rank)> terminated = [](int) { return false; };
  // See TrainingContext; the lines are those of rank 0.
  std::ostream* lines = nullptr;
  absl::Duration longest_flush = absl::Minutes(1);

 private:
  RankOutcome RunRank(Communicator& communicator, FakeCoordinator& coordinator,
                      int attempt);

  ScopedTempDir dir_;
};

// Values of `key` in the points that have it, by step.
std::map<int64_t, double> Curve(const FakeCoordinator& coordinator,
                                const std::string& key);

// ||a - b|| / ||b||, in double.
double RelativeDistance(const at::Tensor& a, const at::Tensor& b);

// A tensor of a golden's safetensors file.
at::Tensor GoldenTensor(const std::string& file, const std::string& name,
                        const std::vector<int64_t>& shape);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_TRAIN_TRAINING_FIXTURE_H_
