#ifndef LOCKSTEP_TESTS_WORKER_IO_CHECKPOINT_FIXTURE_H_
#define LOCKSTEP_TESTS_WORKER_IO_CHECKPOINT_FIXTURE_H_

// A small checkpoint, and how the tests write it.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/worker/io/io_testing.h"
#include "worker/io/checkpoint.h"

namespace lockstep::testing {

inline CheckpointState SampleState() {
  CheckpointState state;
  state.run.world_size = 2;
  state.run.per_device_train_batch_size = 8;
  state.run.gradient_accumulation_steps = 4;
  state.run.device = "cpu";
  state.run.dtype = "float32";
  state.run.method = "lora";
  state.run.optimizer = "adamw";
  // Above 2^63: seeds use all bits.
  state.run.seed = 0xfedcba9876543210u;
  state.run.shuffle_seed = 7;
  state.run.build_id = "abc";
  state.run.libtorch_version = "2.11.0";
  state.run.base_model_digest = "ba5e";
  state.run.dataset_digest = "da7a";
  state.position.step = 100;
  state.position.optimizer_steps = 100;
  state.position.epoch = 1;
  state.position.step_in_epoch = 37;
  state.position.tokens_seen = 123456;
  state.position.trained_tokens_seen = 12345;
  state.position.samples_seen = 6400;
  state.position.metric_seq = 101;
  state.position.averages = {{"loss_sum", 0.1}, {"eval_loss", 1.0 / 3}};
  return state;
}

// Owns the numbers that contents() points to.
class SampleCheckpoint {
 public:
  SampleCheckpoint() {
    weights_.Add("layer.a", {2, 3}, 1);
    weights_.Add("layer.b", {3}, 2);
    exp_avg_.Add("layer.a", {2, 3}, 3);
    exp_avg_.Add("layer.b", {3}, 4);
    exp_avg_sq_.Add("layer.a", {2, 3}, 5);
    exp_avg_sq_.Add("layer.b", {3}, 6);
  }

  CheckpointContents contents() const {
    return {.state = SampleState(),
            .weights_stem = "model",
            .weights = weights_.tensors(),
            .optimizer = {{"exp_avg", exp_avg_.tensors()},
                          {"exp_avg_sq", exp_avg_sq_.tensors()}},
            .files = {{"config.json", "{}\n"}}};
  }
  TensorSet& weights() { return weights_; }
  TensorSet& exp_avg_sq() { return exp_avg_sq_; }

 private:
  TensorSet weights_;
  TensorSet exp_avg_;
  TensorSet exp_avg_sq_;
};

inline CheckpointWriteOptions AgreeingOptions(const std::string& output_dir) {
  return {.output_dir = output_dir,
          .attempt = 3,
          .grant = [](const CheckpointInfo&) { return absl::OkStatus(); },
          .commit = [](const CheckpointInfo&) { return absl::OkStatus(); }};
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_IO_CHECKPOINT_FIXTURE_H_
