#include "client/cli/command_events.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/describe_job.h"
#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "client/cli/json.h"
#include "proto/contract/job_state.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr size_t kIndent = 4;  // Of what does not fit in a line.

struct EventFlags {
  std::string id;
  int tail = 0;
  bool follow = false;
};

class EventPrinter {
 public:
  EventPrinter(const CommandContext& context, std::string id)
      : context_(context), id_(std::move(id)) {}

  // Those that were not printed yet; only the last `tail` of them when above 0.
  void Print(const std::vector<v1::Event>& events, int tail) {
    const size_t skipped = tail > 0 && events.size() > static_cast<size_t>(tail)
                               ? events.size() - static_cast<size_t>(tail)
                               : 0;
    for (size_t i = skipped; i < events.size(); ++i) Print(events[i]);
  }

  void Print(const v1::Event& event) {
    if (event.sequence() <= last_) return;
    last_ = event.sequence();
    const Console& console = context_.console;
    if (console.json) {
      console.out << ToJsonLine(event) << "\n";
    } else {
      const std::string line =
          absl::StrCat(id_.empty() ? JobIdOf(event.job()) + " " : "",
                       EventLine(event, absl::LocalTimeZone()));
      // Nothing of a message is cut off.
      const int width = console.room.width;
      console.out << (width > 0 ? WrapLine(line, width, kIndent) : line)
                  << "\n";
    }
    console.out.flush();
  }

 private:
  const CommandContext& context_;
  const std::string id_;
  int64_t last_ = 0;
};

// Whether the one job has ended: then all of its events can be listed.
absl::StatusOr<bool> HasEnded(const std::string& id, JobClient& client) {
  if (id.empty()) return false;
  ASSIGN_OR_RETURN(const v1::Job job, client.Get(id));
  return IsTerminal(job.state());
}

absl::Status Follow(const std::string& id, const std::string& resume_token,
                    EventPrinter& printer, JobClient& client) {
  return client.Watch(
      id,
      [&](const v1::WatchJobsResponse& change) {
        if (change.has_event()) printer.Print(change.event());
        return id.empty() || !IsTerminal(change.job().state());
      },
      resume_token);
}

absl::Status ShowEvents(const EventFlags& flags, const std::string& id,
                        EventPrinter& printer, JobClient& client) {
  ASSIGN_OR_RETURN(JobClient::EventList list, client.Events(id));
  printer.Print(list.events, flags.tail);
  if (!flags.follow) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool ended, HasEnded(id, client));
  if (!ended) {
    RETURN_IF_ERROR(Follow(id, list.resume_token, printer, client));
  }
  // A change shows the job at or after it: some of its last events may still be
  // untold.
  ASSIGN_OR_RETURN(list, client.Events(id));
  printer.Print(list.events, /*tail=*/0);
  return absl::OkStatus();
}

ExitStatus Events(const CommandContext& context, const EventFlags& flags,
                  JobClient& client) {
  const std::string id = JobIdOf(flags.id);
  EventPrinter printer(context, id);
  InterruptHandler interrupt([&] { client.Interrupt(); });
  const absl::Status status = ShowEvents(flags, id, printer, client);
  if (interrupt.interrupted()) return ExitStatus::kInterrupted;
  return status.ok() ? ExitStatus::kSuccess : context.ReportForJob(status, id);
}

}  // namespace

void AddEventsCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("events", "Show what happened to a job, or to all");
  auto flags = std::make_shared<EventFlags>();
  command->add_option("NAME", flags->id, "The job; all when left out");
  command->add_flag("-f,--follow", flags->follow, "Stay until the job ends");
  command->add_option("--tail", flags->tail, "Only the last N of the past")
      ->check(CLI::PositiveNumber);
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Events(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
