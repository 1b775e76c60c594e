#include "client/cli/report_page.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/format.h"
#include "client/cli/goodput.h"
#include "client/cli/html.h"
#include "client/cli/report_facts.h"
#include "client/cli/svg_chart.h"
#include "proto/contract/end_cause.h"

namespace lockstep::cli {
namespace {

// Of the newest events; a page is not the journal.
constexpr size_t kMostEvents = 500;

constexpr char kStyle[] = R"(
:root { color-scheme: light dark; --text: #1f2328; --faint: #656d76;
  --line: #d1d9e0; --paper: #fff; --mark: #fff8c5; --a: #0969da; --b: #bc4c00; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --faint: #8d96a0;
  --line: #30363d; --paper: #0d1117; --mark: #3a2f10; --a: #58a6ff;
  --b: #ffa657; } }
body { font: 14px/1.5 system-ui, sans-serif; color: var(--text);
  background: var(--paper); max-width: 1360px; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
h3 { font-size: 1rem; margin-bottom: 0; }
.charts, .jobs { display: grid; gap: 1rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); }
.jobs > section { overflow-x: auto; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; }
.grid { stroke: var(--line); } .tick { fill: var(--faint); font-size: 11px; }
polyline { fill: none; stroke-width: 1.5; }
polyline.a, polyline.ae { stroke: var(--a); }
polyline.b, polyline.be { stroke: var(--b); }
polyline.ae, polyline.be { stroke-dasharray: 5 3; }
circle.a, circle.ae { fill: var(--a); } circle.b, circle.be { fill: var(--b); }
.legend { margin: 0 0 0 4rem; font-size: 12px; color: var(--faint); }
.legend span { display: inline-block; margin-right: 1.5rem; }
.legend i { display: inline-block; width: 1.2rem; margin-right: .4rem;
  vertical-align: middle; border-top: 2px solid; }
i.a, i.ae { border-color: var(--a); } i.b, i.be { border-color: var(--b); }
i.ae, i.be { border-top-style: dashed; }
.note { margin: 0; font-size: 12px; color: var(--faint); }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .15rem 1.2rem .15rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; } tbody th { font-weight: 400; color: var(--faint); }
tr.differs td { background: var(--mark); }
footer { margin-top: 3rem; color: var(--faint); }
)";

std::string IdOf(const JobReport& report) {
  return std::string(absl::StripPrefix(report.picture.job.name(), "jobs/"));
}

// The jobs of a page, as the sections see them.
using Jobs = std::vector<JobReport>;

std::string HeadRow(const std::vector<std::string>& titles) {
  std::string html = "<thead><tr>";
  for (const std::string& title : titles) {
    absl::StrAppend(&html, "<th scope=\"col\">", EscapeHtml(title), "</th>");
  }
  return html + "</tr></thead>\n";
}

std::string BodyRow(const std::vector<std::string>& cells) {
  std::string html = "<tr>";
  for (const std::string& cell : cells) {
    absl::StrAppend(&html, "<td>", EscapeHtml(cell), "</td>");
  }
  return html + "</tr>\n";
}

// All values of that name: a list may have several.
std::string ValueOf(const Facts& facts, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& [each, value] : facts) {
    if (each == name) values.push_back(value);
  }
  return absl::StrJoin(values, "; ");
}

// A row a fact, a column a job.
std::string FactTable(const Jobs& jobs,
                      const std::function<Facts(const JobReport&)>& facts_of) {
  std::vector<Facts> columns;
  std::vector<std::string> titles = {""};
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const JobReport& job : jobs) {
    titles.push_back(IdOf(job));
    columns.push_back(facts_of(job));
    for (const auto& [name, value] : columns.back()) {
      if (seen.insert(name).second) names.push_back(name);
    }
  }
  if (names.empty()) return "";
  std::string html = "<table>";
  if (jobs.size() > 1) absl::StrAppend(&html, HeadRow(titles));
  absl::StrAppend(&html, "<tbody>\n");
  for (const std::string& name : names) {
    std::string cells;
    std::set<std::string> values;
    for (const Facts& facts : columns) {
      const std::string value = ValueOf(facts, name);
      values.insert(value);
      absl::StrAppend(&cells, "<td>", EscapeHtml(value), "</td>");
    }
    absl::StrAppend(
        &html, values.size() > 1 ? "<tr class=\"differs\">" : "<tr>",
        "<th scope=\"row\">", EscapeHtml(name), "</th>", cells, "</tr>\n");
  }
  return html + "</tbody></table>\n";
}

std::string Section(absl::string_view title, const std::string& content) {
  if (content.empty()) return "";
  return absl::StrCat("<h2>", EscapeHtml(title), "</h2>\n", content);
}

// What each job has a table of its own for, side by side.
std::string PerJob(const Jobs& jobs,
                   const std::function<std::string(const JobReport&)>& table) {
  std::string html;
  bool any = false;
  for (const JobReport& job : jobs) {
    const std::string content = table(job);
    any = any || !content.empty();
    absl::StrAppend(&html, "<section>",
                    jobs.size() > 1
                        ? absl::StrCat("<h3>", EscapeHtml(IdOf(job)), "</h3>\n")
                        : "",
                    content.empty() ? "<p class=\"note\">none</p>\n" : content,
                    "</section>\n");
  }
  return any ? absl::StrCat("<div class=\"jobs\">\n", html, "</div>\n") : "";
}

std::string Charts(const Jobs& jobs) {
  const std::pair<const char*, const char*> charts[] = {
      {"Loss", "loss"},
      {"Learning rate", "learning_rate"},
      {"Tokens a second", "tokens_per_second"},
      {"Gradient norm, before clipping", "grad_norm"},
      {"Token accuracy", "token_accuracy"},
      {"Seconds a step", "step_seconds"}};
  std::string html;
  for (const auto& [title, key] : charts) {
    std::vector<ChartCurve> curves;
    for (size_t i = 0; i < jobs.size(); ++i) {
      const std::string id = IdOf(jobs[i]);
      const std::string style = i == 0 ? "a" : "b";
      curves.push_back({id, jobs[i].curves.Curve(key), style});
      if (key != absl::string_view("loss")) continue;
      curves.push_back({id + " eval", jobs[i].curves.Curve("eval_loss"),
                        style + "e", /*dots=*/true});
    }
    absl::StrAppend(&html, RenderChart(title, curves));
  }
  return html.empty()
             ? "<p>No points yet.</p>\n"
             : absl::StrCat("<div class=\"charts\">\n", html, "</div>\n");
}

std::string Spendings(const JobReport& report) {
  const v1::Goodput& goodput = report.picture.job.goodput();
  const std::vector<std::vector<std::string>> rows = GoodputRows(goodput);
  if (rows.empty()) return "";
  const std::string words = GoodputInWords(goodput);
  std::string html =
      words.empty() ? "" : absl::StrCat("<p class=\"note\">", words, "</p>\n");
  absl::StrAppend(&html, "<table>", HeadRow(GoodputHeaders()), "<tbody>\n");
  for (const std::vector<std::string>& row : rows) {
    absl::StrAppend(&html, BodyRow(row));
  }
  return html + "</tbody></table>\n";
}

std::string Attempts(const JobReport& report) {
  const v1::Job& job = report.picture.job;
  if (job.attempts().empty()) return "";
  std::string html = "<table>" +
                     HeadRow({"N", "END", "FROM STEP", "RANKS", "MESSAGE"}) +
                     "<tbody>\n";
  int number = 0;
  for (const v1::Attempt& attempt : job.attempts()) {
    const bool ended = attempt.state() == v1::Attempt::ENDED;
    absl::StrAppend(
        &html,
        BodyRow({absl::StrCat(++number),
                 ended ? std::string(EndCauseName(attempt.end_cause()))
                       : v1::Attempt::State_Name(attempt.state()),
                 absl::StrCat(attempt.resume_step()),
                 absl::StrCat(attempt.ranks_size()), attempt.end_message()}));
  }
  return html + "</tbody></table>\n";
}

std::string Checkpoints(const JobReport& report) {
  if (report.picture.checkpoints.empty()) return "";
  std::string html = "<table>" +
                     HeadRow({"STEP", "LOSS", "EVAL LOSS", "SIZE", "PATH"}) +
                     "<tbody>\n";
  for (const v1::Checkpoint& checkpoint : report.picture.checkpoints) {
    absl::StrAppend(
        &html,
        BodyRow({absl::StrCat(checkpoint.step(),
                              checkpoint.pinned() ? " (pinned)" : ""),
                 FormatLoss(checkpoint.loss()),
                 checkpoint.has_eval_loss() ? FormatLoss(checkpoint.eval_loss())
                                            : "",
                 FormatBytes(checkpoint.size_bytes()), checkpoint.path()}));
  }
  return html + "</tbody></table>\n";
}

std::string EventRows(const JobReport& report) {
  const std::vector<v1::Event>& events = report.picture.events;
  if (events.empty()) return "";
  const size_t shown = std::min(events.size(), kMostEvents);
  std::string html = shown < events.size()
                         ? absl::StrCat("<p class=\"note\">The newest ", shown,
                                        " of ", events.size(), ".</p>\n")
                         : "";
  absl::StrAppend(&html, "<table>",
                  HeadRow({"TIME", "SEVERITY", "TYPE", "MESSAGE"}),
                  "<tbody>\n");
  for (size_t i = events.size() - shown; i < events.size(); ++i) {
    absl::StrAppend(&html,
                    BodyRow({TimeText(events[i].time()),
                             v1::Event::Severity_Name(events[i].severity()),
                             events[i].type(), events[i].message()}));
  }
  return html + "</tbody></table>\n";
}

std::string Body(const Jobs& jobs, const v1::ServerInfo& server) {
  return absl::StrCat(
      FactTable(jobs,
                [](const JobReport& job) {
                  return OutcomeFacts(job.picture.job, job.curves);
                }),
      Section("Curves", Charts(jobs)),
      Section("Data", FactTable(jobs,
                                [](const JobReport& job) {
                                  return DataFacts(job.picture.job.plan());
                                })),
      Section("Job file, with every default",
              FactTable(jobs,
                        [](const JobReport& job) {
                          return SpecFacts(job.picture.job.spec());
                        })),
      Section("Time", PerJob(jobs, Spendings)),
      Section("Attempts", PerJob(jobs, Attempts)),
      Section("Checkpoints", PerJob(jobs, Checkpoints)),
      Section("Environment", FactTable(jobs,
                                       [&server](const JobReport& job) {
                                         return EnvironmentFacts(
                                             job.picture.job, server);
                                       })),
      Section("Events", PerJob(jobs, EventRows)));
}

}  // namespace

std::string ReportPage(const std::vector<JobReport>& jobs,
                       const v1::ServerInfo& server, absl::Time now) {
  std::vector<std::string> ids;
  for (const JobReport& job : jobs) ids.push_back(IdOf(job));
  const std::string title = EscapeHtml(absl::StrJoin(ids, " and "));
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      // Nothing is loaded, whatever the texts hold.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
      "'none'; style-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
      title, "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<h1>",
      title, "</h1>\n", Body(jobs, server), "<footer>Made by lockstep report, ",
      absl::FormatTime("%Y-%m-%d %H:%M UTC", now, absl::UTCTimeZone()),
      "</footer>\n</body>\n</html>\n");
}

}  // namespace lockstep::cli
