#include "worker/model/layout.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/model/backward_stage.h"

namespace lockstep {
namespace {

const std::vector<std::string>& AllModules() {
  static const auto* const modules =
      new std::vector<std::string>{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                   "gate_proj", "up_proj", "down_proj"};
  return *modules;
}

bool IsTarget(const LoraOptions& lora, const std::string& module) {
  const std::string suffix = module.substr(module.find('.') + 1);
  return std::find(lora.target_modules.begin(), lora.target_modules.end(),
                   suffix) != lora.target_modules.end();
}

// `number` counts the block's modules.
LinearShape MakeLinear(
    int64_t in, bool has_bias,
    const std::vector<std::pair<std::string, int64_t>>& modules,
    const LoraOptions* lora, int64_t& number) {
  LinearShape shape;
  shape.in = in;
  shape.has_bias = has_bias;
  for (const auto& [module, rows] : modules) {
    LinearSegment segment;
    segment.module = module;
    segment.row = shape.out;
    segment.rows = rows;
    segment.number = number++;
    shape.out += rows;
    if (lora != nullptr && IsTarget(*lora, module)) {
      segment.adapted = true;
      segment.column = shape.tail;
      shape.tail += lora->r;
    }
    shape.segments.push_back(std::move(segment));
  }
  return shape;
}

void AddWeight(std::string name, std::vector<int64_t> shape, bool decays,
               std::vector<Parameter>& list) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.shape = std::move(shape);
  parameter.decays = decays;
  list.push_back(std::move(parameter));
}

// Of the parameters from the one numbered `first` on.
void SetFinalAfter(int64_t stage, size_t first, std::vector<Parameter>& list) {
  for (size_t i = first; i < list.size(); ++i) list[i].final_after = stage;
}

void AddLinear(int64_t layer, const LinearShape& linear,
               std::vector<Parameter>& list) {
  for (const LinearSegment& segment : linear.segments) {
    AddWeight(ModuleName(layer, segment.module) + ".weight",
              {segment.rows, linear.in}, /*decays=*/true, list);
  }
  if (!linear.has_bias) return;
  for (const LinearSegment& segment : linear.segments) {
    AddWeight(ModuleName(layer, segment.module) + ".bias", {segment.rows},
              /*decays=*/false, list);
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ResolveTargets(
    const std::vector<std::string>& target_modules) {
  if (target_modules == std::vector<std::string>{"all-linear"}) {
    return AllModules();
  }
  for (const std::string& target : target_modules) {
    const auto& all = AllModules();
    if (std::find(all.begin(), all.end(), target) == all.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("target_modules: \"", target, "\" is not among ",
                       absl::StrJoin(all, ", "), " (or all-linear alone)"));
    }
  }
  return target_modules;
}

BlockShape MakeBlockShape(const ModelConfig& config, const LoraOptions* lora,
                          int64_t tail_multiple) {
  const int64_t hidden = config.hidden_size;
  const int64_t query = config.num_heads * config.head_dim;
  const int64_t key_value = config.num_kv_heads * config.head_dim;
  const int64_t inner = config.intermediate_size;
  int64_t number = 0;
  BlockShape shape;
  shape.qkv = MakeLinear(hidden, config.qkv_bias,
                         {{"self_attn.q_proj", query},
                          {"self_attn.k_proj", key_value},
                          {"self_attn.v_proj", key_value}},
                         lora, number);
  shape.o = MakeLinear(query, /*has_bias=*/false,
                       {{"self_attn.o_proj", hidden}}, lora, number);
  shape.gate_up = MakeLinear(hidden, /*has_bias=*/false,
                             {{"mlp.gate_proj", inner}, {"mlp.up_proj", inner}},
                             lora, number);
  shape.down = MakeLinear(inner, /*has_bias=*/false,
                          {{"mlp.down_proj", hidden}}, lora, number);
  for (LinearShape* linear :
       {&shape.qkv, &shape.o, &shape.gate_up, &shape.down}) {
    linear->tail =
        (linear->tail + tail_multiple - 1) / tail_multiple * tail_multiple;
  }
  return shape;
}

std::string ModuleName(int64_t layer, const std::string& module) {
  return absl::StrCat("model.layers.", layer, ".", module);
}

std::string LoraAName(int64_t layer, const std::string& module) {
  return absl::StrCat("base_model.model.", ModuleName(layer, module),
                      ".lora_A.weight");
}

std::string LoraBName(int64_t layer, const std::string& module) {
  return absl::StrCat("base_model.model.", ModuleName(layer, module),
                      ".lora_B.weight");
}

std::vector<Parameter> LoraParameters(const ModelConfig& config,
                                      const LoraOptions& lora) {
  std::vector<Parameter> list;
  const BlockShape block = MakeBlockShape(config, &lora);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    for (const LinearShape* linear : block.linears()) {
      for (const LinearSegment& segment : linear->segments) {
        if (!segment.adapted) continue;
        AddWeight(LoraAName(layer, segment.module), {lora.r, linear->in},
                  /*decays=*/true, list);
        AddWeight(LoraBName(layer, segment.module), {segment.rows, lora.r},
                  /*decays=*/true, list);
      }
    }
  }
  std::sort(
      list.begin(), list.end(),
      [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
  return list;
}

std::vector<Parameter> FullParameters(const ModelConfig& config) {
  std::vector<Parameter> list;
  const BlockShape block = MakeBlockShape(config, nullptr);
  const int64_t hidden = config.hidden_size;
  AddWeight(kEmbeddingName, {config.vocab_size, hidden}, true, list);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    const size_t attention = list.size();
    AddWeight(ModuleName(layer, "input_layernorm.weight"), {hidden}, false,
              list);
    AddLinear(layer, block.qkv, list);
    AddLinear(layer, block.o, list);
    SetFinalAfter(AfterBlock(layer), attention, list);
    const size_t mlp = list.size();
    AddWeight(ModuleName(layer, "post_attention_layernorm.weight"), {hidden},
              false, list);
    AddLinear(layer, block.gate_up, list);
    AddLinear(layer, block.down, list);
    SetFinalAfter(AfterMlp(layer), mlp, list);
  }
  const size_t norm = list.size();
  AddWeight("model.norm.weight", {hidden}, false, list);
  // Final before the last block begins, which is as good.
  SetFinalAfter(AfterMlp(config.num_layers - 1), norm, list);
  if (!config.tie_word_embeddings) {
    const size_t head = list.size();
    AddWeight("lm_head.weight", {config.vocab_size, hidden}, true, list);
    SetFinalAfter(AfterHead(config.num_layers), head, list);
  }
  return list;
}

QkvLayout QkvLayoutOf(const ModelConfig& config) {
  return {.query_heads = config.num_heads,
          .kv_heads = config.num_kv_heads,
          .head_dim = config.head_dim};
}

}  // namespace lockstep
