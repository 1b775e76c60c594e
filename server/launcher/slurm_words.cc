#include "server/launcher/slurm_words.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/printable.h"

namespace lockstep {
namespace {

struct Word {
  absl::string_view reason;
  absl::string_view words;
};

// By the beginning of the reason: the first that fits.
constexpr Word kReasons[] = {
    {"None", "waits for Slurm's next look at the queue"},
    {"Resources", "waits for nodes to be free"},
    {"Priority", "waits for jobs of a higher priority in Slurm"},
    {"Dependency", "waits for another Slurm job"},
    {"BeginTime", "waits for its start time in Slurm"},
    {"ReqNodeNotAvail", "waits for nodes that are down, drained or reserved"},
    {"Nodes_required_for_job_are_DOWN",
     "waits for nodes that are down, drained or reserved"},
    {"Reservation", "waits for a reservation"},
    {"JobHeldUser", "is held by a user; scontrol release lets it go"},
    {"JobHeldAdmin", "is held by an administrator of Slurm"},
    {"JobHoldMaxRequeue", "is held by Slurm after too many requeues"},
    {"launch failed requeued held", "is held by Slurm: its start failed"},
    {"PartitionDown", "waits for its partition, which is down"},
    {"PartitionInactive", "waits for its partition, which is inactive"},
    {"PartitionNodeLimit", "asks for more nodes than its partition allows"},
    {"PartitionTimeLimit",
     "asks for more time (resources.timeout) than its partition allows"},
    {"PartitionConfig", "asks for what its partition does not have"},
    {"BadConstraints",
     "asks for what no node has (resources.slurm.constraint, GPUs, CPUs, or "
     "all nodes that have it are avoided after faults)"},
    {"AccountNotAllowed", "has an account that its partition does not allow"},
    {"InvalidAccount", "has an account that Slurm does not know"},
    {"InvalidQOS", "has a QOS that Slurm does not know"},
    {"QOSNotAllowed", "has a QOS that is not allowed here"},
    {"QOSMaxGRES", "waits for GPUs that its QOS allows"},
    {"QOSGrpGRES", "waits for GPUs that its QOS allows"},
    {"QOS", "waits for what its QOS allows"},
    {"AssocGrpGRES", "waits for GPUs that its account allows"},
    {"AssocMaxGRES", "waits for GPUs that its account allows"},
    {"Assoc", "waits for what its account allows"},
    {"MaxGRESPerAccount", "waits for GPUs that its account allows"},
    {"MaxMemPerLimit", "asks for more memory than is allowed"},
    {"Licenses", "waits for a license"},
    {"FrontEndDown", "waits for a front-end node"},
    {"NodeDown", "waits for a node that is down"},
    {"Prolog", "waits for the prolog on its nodes"},
    {"Cleaning", "is being cleaned up"},
};

EngineEnd End(v1::Attempt::EndCause cause, absl::string_view words,
              absl::string_view state, bool another_may_help = true) {
  return {.cause = cause,
          .message = absl::StrCat(words, " (Slurm: ", state, ")"),
          .another_may_help = another_may_help};
}

}  // namespace

SlurmPhase PhaseOf(absl::string_view state) {
  for (const absl::string_view waiting :
       {"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT",
        "RESV_DEL_HOLD"}) {
    if (state == waiting) return SlurmPhase::kWaiting;
  }
  for (const absl::string_view ended :
       {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED",
        "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "REVOKED"}) {
    if (state == ended) return SlurmPhase::kEnded;
  }
  return SlurmPhase::kRunning;
}

std::string WaitsFor(absl::string_view reason) {
  for (const Word& word : kReasons) {
    if (absl::StartsWith(reason, word.reason)) {
      return absl::StrCat(word.words, " (Slurm: ", Printable(reason), ")");
    }
  }
  return absl::StrCat("waits in Slurm (", Printable(reason), ")");
}

std::optional<EngineEnd> EndOf(absl::string_view state,
                               const SlurmJobEnd& end) {
  if (state == "PREEMPTED" || end.preempted) {
    return End(v1::Attempt::PREEMPTED,
               "it made room for a job that is more urgent in Slurm",
               "PREEMPTED");
  }
  if (state == "NODE_FAIL" || state == "BOOT_FAIL") {
    return End(v1::Attempt::NODE_LOST, "a node of it failed", state);
  }
  if (state == "TIMEOUT" || state == "DEADLINE") {
    return End(v1::Attempt::TIME_LIMIT,
               "its time limit in Slurm is up, that of the partition or "
               "resources.timeout",
               state);
  }
  if (state == "OUT_OF_MEMORY") {
    return End(v1::Attempt::HOST_OUT_OF_MEMORY,
               "it took more memory than Slurm gave it", state);
  }
  if (state == "CANCELLED") {
    return End(v1::Attempt::ENGINE_ERROR,
               "its Slurm job was cancelled, not by Lockstep", state,
               /*another_may_help=*/false);
  }
  if (state == "REVOKED") {
    return End(v1::Attempt::ENGINE_ERROR, "Slurm revoked its job", state);
  }
  return std::nullopt;
}

}  // namespace lockstep
