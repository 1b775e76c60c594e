#ifndef LOCKSTEP_CLIENT_CLI_REPEAT_JOB_H_
#define LOCKSTEP_CLIENT_CLI_REPEAT_JOB_H_

// A new job from the spec of another one: what `jobs retry` and `jobs clone`
// have in common.

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/command_context.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

// What a new job takes over. Labels, priority and queue are the job's of now.
// Not taken over is what it followed: those may have ended badly or be gone.
v1::JobSpec SpecToRepeat(const v1::Job& job);

struct RepeatPlace {
  // Of the job that is repeated.
  std::string id;
  // "-r" for id-r2, id-r3 and so on.
  std::string mark;
  // Empty: the first name of that row that is free.
  std::string name;
  // Empty: beside the old one, with the new suffix or under the new name.
  std::string output_dir;
};

// No two jobs share an output folder: that of `spec` is the old job's. One in
// `place` may be relative to the working folder.
absl::StatusOr<v1::Job> SubmitRepeat(RepeatPlace place, const v1::JobSpec& spec,
                                     JobClient& client);

ExitStatus ReportRepeat(const CommandContext& context, const v1::Job& job);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_REPEAT_JOB_H_
