#ifndef LOCKSTEP_TESTS_ACCEPTANCE_SLURM_CLUSTER_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_SLURM_CLUSTER_H_

// A coordinator with --engine slurm on the controller of a lab of two hosts,
// which its ranks reach by TLS alone. The file system is shared, since it is
// one machine.
//
// Figures of these tests are lines that begin with "A25 SUITE: ".

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/integration/test_cluster.h"
#include "tests/testing/slurm_lab.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_certificates.h"

namespace lockstep::testing {

// The rest of the test is skipped, by name, where no lab can be raised.
#define LOCKSTEP_NEEDS_SLURM()                                            \
  if (const std::string why_not = SlurmLab::WhyNot(); !why_not.empty()) { \
    GTEST_SKIP() << why_not;                                              \
  }

// Flags of a coordinator in this lab; its certificates are written to `dir`.
std::vector<std::string> SlurmFlags(const SlurmLab& lab,
                                    const ScopedTempDir& dir);

class SlurmCluster {
 public:
  // `environment` is added to that of the coordinator alone.
  explicit SlurmCluster(SlurmLab::Options options = {},
                        std::vector<std::string> flags = {},
                        const Environment& environment = {});

  SlurmLab& lab() { return *lab_; }
  TestCluster& cluster() { return *cluster_; }

  // Submits a job of the tiny model, of 4 ranks on 2 hosts unless `resources`
  // says otherwise. It takes so many steps and saves every few.
  void Submit(const std::string& name, int steps,
              const std::string& resources =
                  "resources: {device: cpu, ranks: 4, nodes: 2}\n",
              const std::string& more = "");
  v1::Job Job(const std::string& name) { return cluster_->GetJob(name); }
  // Watches it until it is in this state.
  v1::Job Await(const std::string& name, v1::Job::State state);
  // Until its newest attempt has taken so many steps.
  bool AwaitStep(const std::string& name, int64_t step, int seconds = 60);
  // How long after this moment one of its hosts was declared lost.
  absl::Duration LostAfter(const std::string& name, absl::Time since);
  // Steps of the checkpoints that this attempt has listed, oldest first.
  std::vector<std::string> ListedBy(const std::string& name, int attempt);
  // The name that the newest attempt has in Slurm.
  std::string SlurmName(const std::string& name);
  // All that a failed test wants to know.
  std::string Story(const std::string& name);

 private:
  ScopedTempDir dir_;
  std::unique_ptr<SlurmLab> lab_;
  std::unique_ptr<TestCluster> cluster_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_SLURM_CLUSTER_H_
