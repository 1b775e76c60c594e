#include "worker/train/memory_choice.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/comm/nccl_memory.h"
#include "worker/model/memory_needs.h"

namespace lockstep {
namespace {

std::string GiB(int64_t bytes) {
  return absl::StrFormat("%.1f GiB",
                         static_cast<double>(bytes) / (int64_t{1} << 30));
}

int64_t NcclBytes(const MemoryRequest& request) {
  return request.placement.device.is_cpu()
             ? 0
             : EstimateNcclBytes(request.options.ranks);
}

// What could be changed so that it fits.
std::string Advice(const v1::JobSpec& spec, MemoryRequest request,
                   Recompute asked, int64_t bytes) {
  request.options.recompute = asked;
  const int64_t tokens = MostTokens(request, bytes);
  std::string advice;
  if (tokens > 0) {
    advice =
        absl::StrCat("; micro-batches of up to ", tokens,
                     " tokens fit: lower train.per_device_train_batch_size, ",
                     spec.train().per_device_train_batch_size(),
                     ", or data.max_length, ", spec.data().max_length());
  }
  for (const Recompute way : kRecomputeWays) {
    if (way <= asked) continue;
    request.options.recompute = way;
    if (TotalBytes(PlanMemory(request)) <= bytes) {
      return absl::StrCat(advice, advice.empty() ? "; " : ", or ",
                          "train.recompute: ", RecomputeName(way), " fits");
    }
  }
  if (!advice.empty()) return advice;
  return "; the weights alone leave no room for a token: a smaller model, or "
         "method.lora in place of method.full, needs less";
}

}  // namespace

absl::string_view RecomputeName(Recompute recompute) {
  switch (recompute) {
    case Recompute::kNone:
      return "none";
    case Recompute::kNormSwiglu:
      return "norm_swiglu";
    case Recompute::kBlock:
      return "block";
  }
  return "";
}

std::optional<Recompute> RecomputeOf(const v1::JobSpec& spec) {
  switch (spec.train().recompute()) {
    case v1::TrainSpec::RECOMPUTE_NONE:
      return Recompute::kNone;
    case v1::TrainSpec::RECOMPUTE_NORM_SWIGLU:
      return Recompute::kNormSwiglu;
    case v1::TrainSpec::RECOMPUTE_BLOCK:
      return Recompute::kBlock;
    default:
      return std::nullopt;
  }
}

int64_t MostSequences(const v1::JobSpec& spec) {
  const bool evaluates =
      spec.data().has_eval() || spec.data().has_eval_fraction();
  return std::max(spec.train().per_device_train_batch_size(),
                  evaluates ? spec.train().per_device_eval_batch_size() : 0);
}

int64_t MostDocuments(const v1::JobSpec& spec) {
  return spec.data().packing() == v1::DataSpec::PACKING_NONE
             ? MostSequences(spec)
             : 0;
}

bool IsDeterministic(const v1::JobSpec& spec) {
  return !spec.train().has_full_determinism() ||
         spec.train().full_determinism();
}

MemoryPlan PlanMemory(const MemoryRequest& request) {
  MemoryPlan plan = PlanMemory(request.config, request.method,
                               request.placement, request.options);
  if (const int64_t nccl = NcclBytes(request)) {
    plan.push_back({"NCCL (an estimate)", nccl});
  }
  return plan;
}

int64_t MostTokens(const MemoryRequest& request, int64_t bytes) {
  return MostTokens(request.config, request.method, request.placement,
                    request.options, bytes - NcclBytes(request));
}

absl::StatusOr<MemoryChoice> ChooseRecompute(const v1::JobSpec& spec,
                                             const MemoryRequest& request,
                                             std::optional<int64_t> bytes) {
  const std::optional<Recompute> asked = RecomputeOf(spec);
  MemoryRequest tried = request;
  MemoryChoice choice;
  for (const Recompute way : kRecomputeWays) {
    if (asked.value_or(way) != way) continue;
    tried.options.recompute = way;
    choice = {way, PlanMemory(tried)};
    if (!bytes.has_value() || TotalBytes(choice.plan) <= *bytes) return choice;
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "micro-batches of ", request.options.max_tokens, " tokens need ",
      GiB(TotalBytes(choice.plan)), " with train.recompute: ",
      RecomputeName(choice.recompute), ", and there are ", GiB(*bytes),
      Advice(spec, request, choice.recompute, *bytes)));
}

}  // namespace lockstep
