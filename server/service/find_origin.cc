#include "server/service/find_origin.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/message_differencer.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/spec_value.h"
#include "proto/contract/status_macros.h"
#include "server/service/find_checkpoint.h"

namespace lockstep {
namespace {

using ::google::protobuf::util::MessageDifferencer;

// Collects the fields in which two specs differ.
class Differences {
 public:
  template <typename Value>
  void Compare(absl::string_view field, const Value& was, const Value& is) {
    if (was == is) return;
    words_.push_back(absl::StrCat(field, " was ", was, ", is ", is));
  }
  void CompareMessages(absl::string_view field,
                       const google::protobuf::Message& was,
                       const google::protobuf::Message& is) {
    if (MessageDifferencer::Equals(was, is)) return;
    words_.push_back(absl::StrCat(field, " was {", was.ShortDebugString(),
                                  "}, is {", is.ShortDebugString(), "}"));
  }
  absl::Status Status(absl::string_view reason, absl::string_view what,
                      absl::string_view hint) const {
    if (words_.empty()) return absl::OkStatus();
    return errors::Error(absl::StatusCode::kFailedPrecondition, reason,
                         absl::StrCat("checkpoint.start_from: ", what, ": ",
                                      absl::StrJoin(words_, "; "), hint));
  }

 private:
  std::vector<std::string> words_;
};

// Else its weights are no weights of this run, or its place in the data none
// of this data.
absl::Status CheckSameWork(const v1::JobSpec& was, const v1::JobSpec& is) {
  Differences differences;
  differences.Compare("model.path", was.model().path(), is.model().path());
  differences.CompareMessages("method", was.method(), is.method());
  differences.CompareMessages("data", was.data(), is.data());
  differences.Compare("train.seed", was.train().seed(), is.train().seed());
  return differences.Status("ANOTHER_RUN", "that is another run's", "");
}

std::string DtypeName(v1::ModelSpec::Dtype dtype) {
  return EnumYamlName(*v1::ModelSpec::Dtype_descriptor(), dtype);
}

absl::Status CheckExact(const v1::JobSpec& was, const v1::JobSpec& is) {
  if (is.checkpoint().inexact()) return absl::OkStatus();
  Differences differences;
  differences.Compare("resources.ranks", was.resources().ranks(),
                      is.resources().ranks());
  differences.Compare("train.per_device_train_batch_size",
                      was.train().per_device_train_batch_size(),
                      is.train().per_device_train_batch_size());
  differences.Compare("train.gradient_accumulation_steps",
                      was.train().gradient_accumulation_steps(),
                      is.train().gradient_accumulation_steps());
  differences.Compare("model.dtype", DtypeName(was.model().dtype()),
                      DtypeName(is.model().dtype()));
  return differences.Status("INEXACT_RESUME", "the run cannot go on exactly",
                            "; checkpoint.inexact: true goes on all the same");
}

}  // namespace

absl::StatusOr<std::optional<v1::Checkpoint>> FindOrigin(
    const JobStore& store, const v1::JobSpec& spec) {
  if (!spec.checkpoint().has_start_from()) return std::nullopt;
  ASSIGN_OR_RETURN(const CheckpointRef ref,
                   ParseCheckpointName(spec.checkpoint().start_from()));
  ASSIGN_OR_RETURN(const SharedJob found, store.Find(ref.job));
  const v1::Job& job = *found;
  if (!IsTerminal(job.state())) {
    return errors::Error(
        absl::StatusCode::kFailedPrecondition, "JOB_NOT_ENDED",
        absl::StrCat("checkpoint.start_from: ", job.name(), " is ",
                     StateName(job.state()),
                     "; only a job that has ended leaves its checkpoints to "
                     "another"));
  }
  ASSIGN_OR_RETURN(v1::Checkpoint checkpoint, FindCheckpoint(store, ref));
  RETURN_IF_ERROR(CheckSameWork(job.spec(), spec));
  RETURN_IF_ERROR(CheckExact(job.spec(), spec));
  return std::optional<v1::Checkpoint>(std::move(checkpoint));
}

}  // namespace lockstep
