#include "client/cli/list_watch.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/interrupt.h"
#include "client/cli/job_table.h"
#include "client/cli/json.h"
#include "proto/contract/job_state.h"

namespace lockstep::cli {
namespace {

auto CreationOf(const v1::Job& job) {
  return std::make_pair(job.create_time().seconds(), job.create_time().nanos());
}

class ListWatch {
 public:
  ListWatch(const CommandContext& context, const ShownList& list, Table& table,
            JobClient& client)
      : context_(context), list_(list), table_(table), client_(client) {
    for (const v1::Job& job : list.jobs) {
      shown_[job.name()] = RowOf(job);
      newest_ = std::max(newest_, CreationOf(job));
    }
  }

  void OnChange(const v1::WatchJobsResponse& change) {
    if (!change.has_job()) return;
    const v1::Job& job = change.job();
    if (change.type() == v1::WatchJobsResponse::DELETED) return OnDeleted(job);
    const auto shown = shown_.find(job.name());
    // Of the snapshot only what is newer than the list.
    if (shown == shown_.end() && !change.has_event() &&
        CreationOf(job) <= newest_) {
      return;
    }
    std::vector<std::string> row = RowOf(job);
    if (shown != shown_.end() && shown->second == row) return;
    const bool belongs = Belongs(job);
    if (shown == shown_.end() && !belongs) return;
    Print(job);
    if (belongs) {
      shown_[job.name()] = std::move(row);
    } else {
      shown_.erase(job.name());
    }
  }

 private:
  // All but the age, which always changes.
  static std::vector<std::string> RowOf(const v1::Job& job) {
    std::vector<std::string> row = JobListCells(job, absl::Now());
    row.pop_back();
    return row;
  }

  bool Belongs(const v1::Job& job) {
    if (!list_.states.empty() &&
        std::find(list_.states.begin(), list_.states.end(), job.state()) ==
            list_.states.end()) {
      return false;
    }
    if (list_.filter.empty()) return true;
    const auto found =
        client_.List({.states = {},
                      .filter = absl::StrCat("name = \"", JobIdOf(job.name()),
                                             "\" AND ", list_.filter),
                      .order_by = "",
                      .limit = 1});
    return found.ok() && !found->empty();
  }

  void OnDeleted(const v1::Job& job) {
    if (shown_.erase(job.name()) == 0) return;
    if (context_.console.json) {
      Print(job);
      return;
    }
    std::vector<std::string> row(JobListHeaders().size());
    row[0] = JobIdOf(job.name());
    row[1] = "DELETED";
    context_.console.out << table_.RenderRow(std::move(row)) << std::flush;
  }

  void Print(const v1::Job& job) {
    context_.console.out << (context_.console.json
                                 ? ToJsonLine(job) + "\n"
                                 : table_.RenderRow(
                                       JobListCells(job, absl::Now())))
                         << std::flush;
  }

  const CommandContext& context_;
  const ShownList& list_;
  Table& table_;
  JobClient& client_;
  std::map<std::string, std::vector<std::string>> shown_;  // By name.
  std::pair<int64_t, int32_t> newest_{0, 0};
};

}  // namespace

ExitStatus WatchList(const CommandContext& context, const ShownList& list,
                     Table& table, JobClient& client) {
  const InterruptHandler interrupt([&] { client.Interrupt(); });
  ListWatch watch(context, list, table, client);
  const absl::Status status =
      client.Watch("", [&](const v1::WatchJobsResponse& change) {
        watch.OnChange(change);
        return true;
      });
  if (interrupt.interrupted()) return ExitStatus::kInterrupted;
  return status.ok() ? ExitStatus::kSuccess : context.Report(status);
}

}  // namespace lockstep::cli
