#include "tests/worker/model/oracle.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>
#include <vector>

#include "proto/contract/check.h"
#include "worker/model/rotary_table.h"
#include "worker/model/view.h"

namespace lockstep {
namespace {

at::Tensor ToTensor(absl::Span<const int32_t> values) {
  return at::tensor(std::vector<int64_t>(values.begin(), values.end()));
}

class Oracle {
 public:
  Oracle(ModelWeights& weights, const TensorReader& read,
         const DropoutMask& mask)
      : config_(weights.config()), lora_(weights.lora()), mask_(mask) {
    for (const Parameter& parameter : FullParameters(config_)) {
      at::Tensor tensor = at::empty(parameter.shape, at::kFloat);
      LOCKSTEP_CHECK(
          read(parameter.name, parameter.shape, tensor.data_ptr<float>()).ok());
      tensors_[parameter.name] = tensor.to(at::kDouble);
    }
    for (const Parameter& parameter : weights.parameters()->list()) {
      tensors_[parameter.name] = weights.parameters()
                                     ->Value(parameter.name)
                                     .to(at::kDouble)
                                     .requires_grad_();
    }
  }

  at::Tensor Loss(const TokenBatch& batch) {
    at::Tensor x = at::embedding(tensors_["model.embed_tokens.weight"],
                                 ToTensor(batch.ids));
    for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
      x = x + Attention(layer, Norm(x, ModuleName(layer, "input_layernorm")),
                        batch);
      x = x +
          Mlp(layer, Norm(x, ModuleName(layer, "post_attention_layernorm")));
    }
    x = Norm(x, "model.norm");
    const at::Tensor head =
        tensors_[config_.tie_word_embeddings ? "model.embed_tokens.weight"
                                             : "lm_head.weight"];
    const at::Tensor labels = ToTensor(batch.labels);
    const at::Tensor picked = at::log_softmax(at::matmul(x, head.t()), 1)
                                  .gather(1, labels.clamp_min(0).unsqueeze(1))
                                  .squeeze(1);
    return -(picked * labels.ge(0)).sum();
  }

  const at::Tensor& tensor(const std::string& name) { return tensors_[name]; }

 private:
  at::Tensor Norm(const at::Tensor& x, const std::string& name) {
    const at::Tensor mean = x.pow(2).mean(-1, /*keepdim=*/true);
    return x * (mean + config_.rms_norm_eps).rsqrt() *
           tensors_[name + ".weight"];
  }

  // `number` of the module in its block.
  at::Tensor Linear(int64_t layer, const std::string& module, int64_t number,
                    const at::Tensor& x) {
    const std::string name = ModuleName(layer, module);
    at::Tensor y = at::matmul(x, tensors_[name + ".weight"].t());
    if (tensors_.count(name + ".bias") != 0) y = y + tensors_[name + ".bias"];
    if (tensors_.count(LoraAName(layer, module)) == 0) return y;
    const at::Tensor h = at::matmul(x * Mask(layer, number, x),
                                    tensors_[LoraAName(layer, module)].t());
    return y +
           at::matmul(h, tensors_[LoraBName(layer, module)].t()) * lora_->scale;
  }

  at::Tensor Mask(int64_t layer, int64_t number, const at::Tensor& x) {
    at::Tensor ones = at::ones(x.sizes(), at::kFloat);
    DropoutMask mask = mask_;
    mask.offset += static_cast<uint64_t>(layer * kModulesPerBlock + number);
    LOCKSTEP_CHECK(Dropout(View(ones), View(ones), mask).ok());
    return ones.to(at::kDouble);
  }

  at::Tensor Rotate(const at::Tensor& heads_HTD, const TokenBatch& batch) {
    const RotaryTable table = *MakeRotaryTable(config_, batch.tokens());
    const at::Tensor positions = ToTensor(batch.positions);
    const at::Tensor cos =
        table.cos_PD.to(at::kDouble).index_select(0, positions);
    const at::Tensor sin =
        table.sin_PD.to(at::kDouble).index_select(0, positions);
    const std::vector<at::Tensor> half = heads_HTD.chunk(2, -1);
    return at::cat(
        {half[0] * cos - half[1] * sin, half[1] * cos + half[0] * sin}, -1);
  }

  at::Tensor Heads(const at::Tensor& x, int64_t heads) {
    return x.view({x.size(0), heads, config_.head_dim}).transpose(0, 1);
  }

  at::Tensor Attention(int64_t layer, const at::Tensor& x,
                       const TokenBatch& batch) {
    const int64_t group = config_.num_heads / config_.num_kv_heads;
    const at::Tensor q = Rotate(
        Heads(Linear(layer, "self_attn.q_proj", 0, x), config_.num_heads),
        batch);
    const at::Tensor k = Rotate(Heads(Linear(layer, "self_attn.k_proj", 1, x),
                                      config_.num_kv_heads),
                                batch)
                             .repeat_interleave(group, 0);
    const at::Tensor v =
        Heads(Linear(layer, "self_attn.v_proj", 2, x), config_.num_kv_heads)
            .repeat_interleave(group, 0);
    const at::Tensor scores =
        at::matmul(q, k.transpose(1, 2)) / std::sqrt(config_.head_dim);
    const at::Tensor out =
        at::matmul(at::softmax(scores + Visible(batch), -1), v);
    return Linear(layer, "self_attn.o_proj", 3,
                  out.transpose(0, 1).reshape({x.size(0), -1}));
  }

  // 0 where a token may look, and next to minus infinity elsewhere.
  static at::Tensor Visible(const TokenBatch& batch) {
    const int64_t tokens = batch.tokens();
    at::Tensor bias = at::full({tokens, tokens}, -1e300, at::kDouble);
    for (size_t d = 1; d < batch.cu_seqlens.size(); ++d) {
      const int64_t begin = batch.cu_seqlens[d - 1];
      const int64_t length = batch.cu_seqlens[d] - begin;
      at::Tensor block = bias.narrow(0, begin, length).narrow(1, begin, length);
      block.triu_(1);
    }
    return bias;
  }

  at::Tensor Mlp(int64_t layer, const at::Tensor& x) {
    const at::Tensor gate = Linear(layer, "mlp.gate_proj", 4, x);
    const at::Tensor up = Linear(layer, "mlp.up_proj", 5, x);
    return Linear(layer, "mlp.down_proj", 6, at::silu(gate) * up);
  }

  const ModelConfig& config_;
  const LoraOptions* lora_;
  const DropoutMask mask_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace

OracleResult RunOracle(ModelWeights& weights, const TensorReader& read,
                       const TokenBatch& batch, const DropoutMask& mask) {
  Oracle oracle(weights, read, mask);
  const at::Tensor loss = oracle.Loss(batch);
  loss.backward();
  OracleResult result;
  result.loss_sum = loss.item<double>();
  for (const Parameter& parameter : weights.parameters()->list()) {
    result.gradients[parameter.name] = oracle.tensor(parameter.name).grad();
  }
  return result;
}

}  // namespace lockstep
