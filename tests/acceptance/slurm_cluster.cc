#include "tests/acceptance/slurm_cluster.h"

#include <sstream>

#include "absl/strings/str_cat.h"

namespace lockstep::testing {
namespace {

constexpr char kPort[] = ":7000";

}  // namespace

std::vector<std::string> SlurmFlags(const SlurmLab& lab,
                                    const ScopedTempDir& dir) {
  const std::string address = SlurmLab::ControllerAddress();
  const TestCa ca;
  ca.Write(dir.Path("ca.pem"));
  ca.Issue({.common_name = "coordinator", .names = {"IP:" + address}},
           dir.Path("server.pem"), dir.Path("server.key"));
  return {"--engine",    "slurm",
          "--slurm-bin", lab.bin_dir(),
          "--listen",    address + kPort,
          "--tls-cert",  dir.Path("server.pem"),
          "--tls-key",   dir.Path("server.key"),
          "--tls-ca",    dir.Path("ca.pem")};
}

SlurmCluster::SlurmCluster(SlurmLab::Options options,
                           std::vector<std::string> flags,
                           const Environment& environment)
    : lab_(std::make_unique<SlurmLab>(options)) {
  std::vector<std::string> all = SlurmFlags(*lab_, dir_);
  all.insert(all.end(), flags.begin(), flags.end());
  std::vector<std::string> prefix = lab_->On("lc");
  prefix.push_back("env");
  for (const auto& [name, value] : environment) {
    prefix.push_back(absl::StrCat(name, "=", value));
  }
  cluster_ = std::make_unique<TestCluster>(/*cpu_slots=*/32, std::move(all),
                                           BinDir(), std::move(prefix));
}

void SlurmCluster::Submit(const std::string& name, int steps,
                          const std::string& resources,
                          const std::string& more) {
  const std::string data = SourceDir() + "/tests/testdata/";
  WriteFile(cluster_->Path(name + ".yaml"),
            absl::StrCat(
                "apiVersion: lockstep/v1\nmodel: {path: ", data,
                "models/tiny-llama}\nmethod: {lora: {r: 8, alpha: 16}}\n",
                "data: {train: [{path: ", data,
                "data/text.jsonl}], max_length: 64}\ntrain:\n  max_steps: ",
                steps, "\n  per_device_train_batch_size: 1\n", more, resources,
                "output_dir: ", cluster_->Path("out-" + name), "\n"));
  const RunResult run = cluster_->Lockstep(
      {"submit", cluster_->Path(name + ".yaml"), "--name", name});
  ASSERT_EQ(run.exit_code, 0) << run.out << run.err;
}

v1::Job SlurmCluster::Await(const std::string& name, v1::Job::State state) {
  return cluster_->WaitForState(name, state);
}

bool SlurmCluster::AwaitStep(const std::string& name, int64_t step,
                             int seconds) {
  return lab_->Becomes(
      [&] {
        const v1::Job job = Job(name);
        return job.state() == v1::Job::RUNNING && job.progress().step() >= step;
      },
      seconds);
}

absl::Duration SlurmCluster::LostAfter(const std::string& name,
                                       absl::Time since) {
  const v1::Event event = cluster_->WaitForEvent(name, "NODE_LOST");
  return absl::FromUnixSeconds(event.time().seconds()) +
         absl::Nanoseconds(event.time().nanos()) - since;
}

std::vector<std::string> SlurmCluster::ListedBy(const std::string& name,
                                                int attempt) {
  std::istringstream rows(
      cluster_->Lockstep({"checkpoints", "list", name}).out);
  std::vector<std::string> steps;
  for (std::string row; std::getline(rows, row);) {
    std::istringstream cells(row);
    std::string step;
    std::string by;
    if (cells >> step >> by && by == absl::StrCat(attempt)) {
      steps.push_back(step);
    }
  }
  return steps;
}

std::string SlurmCluster::SlurmName(const std::string& name) {
  const v1::Job job = Job(name);
  const std::string nonce =
      ReadFile(cluster_->Path("state") + "/slurm.nonce").substr(0, 8);
  return absl::StrCat("lockstep-", nonce, "-", job.uid().substr(0, 12), "-",
                      job.attempt());
}

std::string SlurmCluster::Story(const std::string& name) {
  return absl::StrCat(
      cluster_->Lockstep({"events", name}).out,
      cluster_->Lockstep({"jobs", "describe", name}).out,
      cluster_->daemon_log(),
      lab_->Slurm({"squeue", "--states=all", "--format=%i %j %T %r %N"}).out);
}

}  // namespace lockstep::testing
