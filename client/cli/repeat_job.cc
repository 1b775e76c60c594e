#include "client/cli/repeat_job.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/cli/json.h"
#include "client/cli/numbered_name.h"
#include "client/cli/request_id.h"
#include "proto/contract/errors.h"
#include "proto/contract/queue.h"

namespace lockstep::cli {
namespace {

constexpr int kMostTries = 1000;

absl::StatusOr<v1::Job> SubmitAs(const std::string& name,
                                 const std::string& output_dir,
                                 v1::JobSpec spec, JobClient& client) {
  spec.set_name(name);
  spec.set_output_dir(output_dir);
  return client.Submit(spec, {.request_id = NewRequestId()});
}

absl::StatusOr<v1::Job> SubmitUnderFreeName(const RepeatPlace& place,
                                            const v1::JobSpec& spec,
                                            JobClient& client) {
  const NumberedName before = ParseNumberedName(place.id, place.mark);
  absl::StatusOr<v1::Job> job;
  for (int i = 1; i <= kMostTries; ++i) {
    const int number = before.number + i;
    job = SubmitAs(NumberedNameOf(before.base, place.mark, number),
                   place.output_dir.empty()
                       ? NumberedFolder(spec.output_dir(), place.mark, number)
                       : place.output_dir,
                   spec, client);
    if (ErrorReason(job.status()) != "JOB_EXISTS") return job;
  }
  return job;
}

}  // namespace

v1::JobSpec SpecToRepeat(const v1::Job& job) {
  v1::JobSpec spec = job.spec();
  // These may have changed since.
  *spec.mutable_labels() = job.labels();
  spec.mutable_resources()->set_priority(job.priority());
  spec.mutable_resources()->set_queue(QueueOf(job));
  spec.clear_after();
  return spec;
}

absl::StatusOr<v1::Job> SubmitRepeat(RepeatPlace place, const v1::JobSpec& spec,
                                     JobClient& client) {
  if (!place.output_dir.empty()) {
    std::error_code ignored;
    place.output_dir =
        std::filesystem::absolute(place.output_dir, ignored).string();
  }
  if (place.name.empty()) return SubmitUnderFreeName(place, spec, client);
  const std::filesystem::path old = spec.output_dir();
  return SubmitAs(
      place.name,
      place.output_dir.empty()
          ? absl::StrCat(old.parent_path().string(), "/", place.name)
          : place.output_dir,
      spec, client);
}

ExitStatus ReportRepeat(const CommandContext& context, const v1::Job& job) {
  if (context.console.json) {
    context.console.out << ToJson(job);
    return ExitStatus::kSuccess;
  }
  context.console.out << "job/" << JobIdOf(job.name()) << " created\n";
  if (!context.console.quiet) {
    context.console.err << "output " << job.spec().output_dir() << "\n";
  }
  return ExitStatus::kSuccess;
}

}  // namespace lockstep::cli
