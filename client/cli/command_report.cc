#include "client/cli/command_report.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/output_file.h"
#include "client/cli/report_page.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

struct ReportFlags {
  std::vector<std::string> names;
  std::string output;
};

absl::StatusOr<JobReport> Read(const std::string& id, JobClient& client) {
  JobReport report;
  ASSIGN_OR_RETURN(report.picture.job, client.Get(id));
  ASSIGN_OR_RETURN(report.picture.checkpoints, client.Checkpoints(id));
  ASSIGN_OR_RETURN(JobClient::EventList list, client.Events(id));
  report.picture.events = std::move(list.events);
  RETURN_IF_ERROR(client.Metrics(
      id, /*follow=*/false,
      [&report](const v1::MetricPoint& point) { report.curves.Add(point); }));
  return report;
}

ExitStatus Report(const CommandContext& context, const ReportFlags& flags,
                  JobClient& client) {
  std::vector<JobReport> jobs;
  for (const std::string& name : flags.names) {
    const std::string id = JobIdOf(name);
    absl::StatusOr<JobReport> job = Read(id, client);
    if (!job.ok()) return context.ReportForJob(job.status(), id);
    jobs.push_back(*std::move(job));
  }
  const absl::StatusOr<v1::ServerInfo> server = client.ServerInfo();
  if (!server.ok()) return context.Report(server.status());
  const std::string page = ReportPage(jobs, *server, absl::Now());
  if (flags.output == "-") {
    context.console.out << page;
    return ExitStatus::kSuccess;
  }
  const std::string path =
      flags.output.empty() ? JobIdOf(flags.names[0]) + ".html" : flags.output;
  const absl::Status written = WriteOutputFile(path, page);
  if (!written.ok()) return context.Report(written);
  context.console.out << path << " written\n";
  return ExitStatus::kSuccess;
}

}  // namespace

void AddReportCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "report", "Write a page about a job, or about two side by side");
  auto flags = std::make_shared<ReportFlags>();
  command->add_option("NAME", flags->names, "The job, or two of them")
      ->required()
      ->expected(1, 2);
  command->add_option("-o,--output", flags->output,
                      "File to write, - for standard output [NAME.html]");
  command->callback([&context, flags] {
    context.run = [&context, flags] {
      return WithClient(context, [&](JobClient& client) {
        return Report(context, *flags, client);
      });
    };
  });
}

}  // namespace lockstep::cli
