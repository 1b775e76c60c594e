#ifndef LOCKSTEP_WORKER_TRAIN_MEMORY_CHOICE_H_
#define LOCKSTEP_WORKER_TRAIN_MEMORY_CHOICE_H_

// How a rank makes do with the memory that there is: what of the activations it
// keeps. Decided before a weight is read, so that a job that cannot fit says so
// at once.

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/job.pb.h"
#include "worker/memory/memory_plan.h"
#include "worker/model/method.h"
#include "worker/model/model_config.h"
#include "worker/model/placement.h"
#include "worker/model/transformer_options.h"

namespace lockstep {

// From the fastest to the smallest.
inline constexpr Recompute kRecomputeWays[] = {
    Recompute::kNone, Recompute::kNormSwiglu, Recompute::kBlock};

// "norm_swiglu", as train.recompute spells it.
absl::string_view RecomputeName(Recompute recompute);

// What the spec, with its defaults, asks for; nothing if that is left to the
// plan.
std::optional<Recompute> RecomputeOf(const v1::JobSpec& spec);

// Sequences of the largest micro-batch of a rank.
int64_t MostSequences(const v1::JobSpec& spec);
// Documents of it; 0 when packing leaves that open.
int64_t MostDocuments(const v1::JobSpec& spec);
// train.full_determinism, which a job of an older release does not have.
bool IsDeterministic(const v1::JobSpec& spec);

// What a rank of the spec is planned with. options.recompute is overwritten.
struct MemoryRequest {
  ModelConfig config;
  Method method;
  Placement placement;
  TransformerOptions options;
};

// As in worker/model/memory_needs.h, with what GPUs that talk to each other
// take for that.
MemoryPlan PlanMemory(const MemoryRequest& request);
int64_t MostTokens(const MemoryRequest& request, int64_t bytes);

struct MemoryChoice {
  Recompute recompute = Recompute::kNone;
  MemoryPlan plan;
};

// What the spec asks for, or else the first way that fits `bytes`; without
// `bytes`, which is when nobody knows a limit, none. RESOURCE_EXHAUSTED: that
// does not fit; the message has the numbers and what would.
absl::StatusOr<MemoryChoice> ChooseRecompute(const v1::JobSpec& spec,
                                             const MemoryRequest& request,
                                             std::optional<int64_t> bytes);

}  // namespace lockstep

#endif  // LOCKSTEP_WORKER_TRAIN_MEMORY_CHOICE_H_
