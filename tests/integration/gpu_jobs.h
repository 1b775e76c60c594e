#ifndef LOCKSTEP_TESTS_INTEGRATION_GPU_JOBS_H_
#define LOCKSTEP_TESTS_INTEGRATION_GPU_JOBS_H_

// The job that the tests on GPUs submit, small but with heads of 64 as in real
// models: 200 steps of 4 rows.

#include <string>
#include <vector>

#include "tests/integration/test_cluster.h"

namespace lockstep::testing {

inline constexpr int kGpuJobSteps = 200;
inline constexpr int kGpuJobSaveSteps = 50;

// Makes the model in the cluster's folder; its path.
std::string MakeGpuModel(const TestCluster& cluster);
// The same with a head that is the embedding.
std::string MakeTiedGpuModel(const TestCluster& cluster);

struct GpuJob {
  std::string model;
  std::string device;
  std::string output_dir;
  int ranks = 1;
  // Of a rank.
  int batch_size = 4;
  // Micro-batches of that size a step.
  int accumulation = 1;
  std::string method = "{lora: {r: 16, alpha: 32}}";
  std::string learning_rate = "3.0e-3";
};

std::string GpuJobYaml(const GpuJob& job);

// Compares means of 20 steps, as a step alone may differ by some percent where
// the loss falls fast, and expects the loss to have fallen.
void ExpectSameLossCurve(const std::vector<double>& losses,
                         const std::vector<double>& expected, double tolerance);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_INTEGRATION_GPU_JOBS_H_
