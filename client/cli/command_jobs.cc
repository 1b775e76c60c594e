#include "client/cli/command_jobs.h"

#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cli/command_clone.h"
#include "client/cli/command_delete.h"
#include "client/cli/command_describe.h"
#include "client/cli/command_diff.h"
#include "client/cli/command_label.h"
#include "client/cli/command_queues.h"
#include "client/cli/command_retry.h"
#include "client/cli/command_set_priority.h"
#include "client/cli/command_transition.h"
#include "client/cli/follow.h"
#include "client/cli/format.h"
#include "client/cli/job_table.h"
#include "client/cli/json.h"
#include "client/cli/list_watch.h"
#include "client/cli/table.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"
#include "proto/contract/queue.h"

namespace lockstep::cli {
namespace {

struct ListFlags {
  std::vector<std::string> states;
  std::vector<std::string> labels;
  std::string filter;
  std::string order_by;
  int limit = 100;
  bool watch = false;
};

absl::StatusOr<std::vector<v1::Job::State>> ParseStates(
    const std::vector<std::string>& names) {
  std::vector<v1::Job::State> states;
  for (const std::string& name : names) {
    v1::Job::State state;
    if (!v1::Job::State_Parse(absl::AsciiStrToUpper(name), &state)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--state \"", name,
          "\" is not one of queued, preparing, starting, running, pausing, "
          "paused, cancelling, succeeded, failed, cancelled"));
    }
    states.push_back(state);
  }
  return states;
}

// A string of a filter.
std::string Quoted(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// Only jobs with all of these labels, and for which the filter holds.
std::string FilterOf(const ListFlags& flags) {
  std::vector<std::string> terms;
  terms.reserve(flags.labels.size() + 1);
  for (const std::string& label : flags.labels) {
    const size_t equals = label.find('=');
    terms.push_back(equals == std::string::npos
                        ? absl::StrCat("labels:", Quoted(label))
                        : absl::StrCat("labels.", label.substr(0, equals),
                                       " = ",
                                       Quoted(label.substr(equals + 1))));
  }
  if (!flags.filter.empty()) terms.push_back(flags.filter);
  return absl::StrJoin(terms, " AND ");
}

Table TableOf(const std::vector<v1::Job>& jobs, const TableRoom& room) {
  Table table(JobListHeaders(), room);
  for (const v1::Job& job : jobs) table.AddRow(JobListCells(job, absl::Now()));
  return table;
}

ExitStatus ListAndWatch(const CommandContext& context, const ShownList& list,
                        JobClient& client) {
  Table table = TableOf(list.jobs, context.console.room);
  if (context.console.json) {
    for (const v1::Job& job : list.jobs) {
      context.console.out << ToJsonLine(job) << "\n";
    }
  } else {
    context.console.out << table.Render();
  }
  context.console.out.flush();
  return WatchList(context, list, table, client);
}

ExitStatus List(const CommandContext& context, const ListFlags& flags,
                JobClient& client) {
  const absl::StatusOr<std::vector<v1::Job::State>> states =
      ParseStates(flags.states);
  if (!states.ok()) return context.Report(states.status());
  const absl::StatusOr<std::vector<v1::Job>> jobs =
      client.List({.states = *states,
                   .filter = FilterOf(flags),
                   .order_by = flags.order_by,
                   .limit = flags.limit});
  if (!jobs.ok()) return context.Report(jobs.status());
  if (flags.watch) {
    return ListAndWatch(context, {*jobs, *states, FilterOf(flags)}, client);
  }
  if (context.console.json) {
    v1::ListJobsResponse response;
    *response.mutable_jobs() = {jobs->begin(), jobs->end()};
    context.console.out << ToJsonList(response);
    return ExitStatus::kSuccess;
  }
  if (jobs->empty()) {
    context.console.err << "no jobs\n";
    return ExitStatus::kSuccess;
  }
  context.console.out << TableOf(*jobs, context.console.room).Render();
  return ExitStatus::kSuccess;
}

std::string Describe(const v1::Job& job) {
  std::string text;
  const auto line = [&](absl::string_view key, const std::string& value) {
    if (value.empty()) return;
    absl::StrAppend(&text, key, std::string(12 - key.size(), ' '), value, "\n");
  };
  std::vector<std::string> labels;
  for (const auto& [key, value] : job.labels()) {
    labels.push_back(absl::StrCat(key, "=", value));
  }
  line("name", JobIdOf(job.name()));
  line("state", std::string(StateName(job.state())));
  line("doing", IsTerminal(job.state()) ? "" : PhaseLine(job));
  line("priority", PriorityName(PriorityOf(job)));
  line("queue", QueueOf(job));
  line("labels", absl::StrJoin(labels, ", "));
  line("model", job.spec().model().path());
  line("output", job.spec().output_dir());
  line("step", StepText(job));
  line("loss", LossText(job));
  line("age", FormatAge(job.create_time(), absl::Now()));
  if (job.has_plan()) {
    line("data",
         absl::StrCat(job.plan().rows(), " rows, ",
                      FormatCount(double(job.plan().tokens())), " tokens, ",
                      FormatCount(double(job.plan().trained_tokens())),
                      " trained"));
  }
  for (int i = 0; i < job.attempts_size(); ++i) {
    const v1::Attempt& attempt = job.attempts(i);
    line(absl::StrCat("attempt ", i + 1),
         attempt.state() == v1::Attempt::ENDED
             ? absl::StrCat("ended with ", EndCauseName(attempt.end_cause()),
                            attempt.end_message().empty() ? "" : ": ",
                            attempt.end_message())
             : absl::AsciiStrToLower(v1::Attempt::State_Name(attempt.state())));
  }
  line("error", job.error().message());
  return text;
}

ExitStatus Get(const CommandContext& context, const std::string& id,
               JobClient& client) {
  const absl::StatusOr<v1::Job> job = client.Get(id);
  if (!job.ok()) return context.ReportForJob(job.status(), id);
  context.console.out << (context.console.json ? ToJson(*job) : Describe(*job));
  return ExitStatus::kSuccess;
}

}  // namespace

void AddJobsCommand(CLI::App& app, CommandContext& context) {
  CLI::App* jobs = app.add_subcommand("jobs", "List, show and change jobs");
  jobs->require_subcommand(1);

  CLI::App* list = jobs->add_subcommand("list", "List jobs, newest first");
  auto list_flags = std::make_shared<ListFlags>();
  list->add_option("--state", list_flags->states,
                   "Only jobs in this state; may be repeated")
      ->allow_extra_args(false);
  list->add_option("-l,--label", list_flags->labels,
                   "Only jobs with this label, KEY or KEY=VALUE; may be "
                   "repeated")
      ->allow_extra_args(false);
  list->add_option("--filter", list_flags->filter,
                   "Only jobs for which this holds, as in: name = demo* AND "
                   "state = FAILED OR state = CANCELLED");
  list->add_option("--order-by", list_flags->order_by,
                   "create_time or name, or one of them with \" desc\" "
                   "[create_time desc]");
  list->add_option("--limit", list_flags->limit, "At most this many [100]")
      ->check(CLI::PositiveNumber);
  list->add_flag("-w,--watch", list_flags->watch,
                 "Stay, and show a job again when it has changed");
  list->callback([&context, list_flags] {
    context.run = [&context, list_flags] {
      return WithClient(context, [&](JobClient& client) {
        return List(context, *list_flags, client);
      });
    };
  });

  CLI::App* get = jobs->add_subcommand("get", "Show one job");
  auto id = std::make_shared<std::string>();
  get->add_option("NAME", *id, "The job")->required();
  get->callback([&context, id] {
    context.run = [&context, id] {
      return WithClient(context, [&](JobClient& client) {
        return Get(context, JobIdOf(*id), client);
      });
    };
  });

  AddTransitionCommands(*jobs, context);
  AddDescribeCommand(*jobs, context);
  AddDiffCommand(*jobs, context);
  AddLabelCommand(*jobs, context);
  AddSetPriorityCommand(*jobs, context);
  AddSetQueueCommand(*jobs, context);
  AddRetryCommand(*jobs, context);
  AddCloneCommand(*jobs, context);
  AddDeleteCommand(*jobs, context);
}

}  // namespace lockstep::cli
