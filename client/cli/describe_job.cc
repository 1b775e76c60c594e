#include "client/cli/describe_job.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/follow.h"
#include "client/cli/format.h"
#include "client/cli/goodput.h"
#include "client/cli/json.h"
#include "client/cli/rank_times.h"
#include "client/cli/table.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/job_state.h"
#include "proto/contract/priority.h"

namespace lockstep::cli {
namespace {

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

// "PACKING_BFD" of the enum Packing -> "bfd", as in a job file.
template <typename Enum>
std::string Word(const std::string& (*name_of)(Enum), Enum value,
                 absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name_of(value), prefix));
}

// Lines of "key  value", below a heading.
class Page {
 public:
  void Heading(absl::string_view title) {
    absl::StrAppend(&text_, text_.empty() ? "" : "\n", title, "\n");
  }
  void Line(absl::string_view key, absl::string_view value) {
    if (value.empty()) return;
    absl::StrAppendFormat(&text_, "  %-14s %s\n", key, value);
  }
  void Add(absl::string_view lines) {
    for (const absl::string_view line :
         absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
      absl::StrAppend(&text_, "  ", line, "\n");
    }
  }
  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string When(const google::protobuf::Timestamp& time, absl::Time now) {
  if (time.seconds() == 0) return "";
  return absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", TimeOf(time),
                                       absl::UTCTimeZone()),
                      " (", FormatShortDuration(now - TimeOf(time)), " ago)");
}

std::string LabelsOf(const v1::Job& job) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : job.labels()) {
    labels.push_back(absl::StrCat(key, "=", value));
  }
  std::sort(labels.begin(), labels.end());
  return absl::StrJoin(labels, ", ");
}

void AddState(const v1::Job& job, absl::Time now, Page& page) {
  page.Heading(absl::StrCat("job/", absl::StripPrefix(job.name(), "jobs/")));
  page.Line("state", StateName(job.state()));
  page.Line("doing", IsTerminal(job.state()) ? "" : PhaseLine(job));
  page.Line("error", job.error().reason().empty()
                         ? ""
                         : absl::StrCat(job.error().reason(), ": ",
                                        job.error().message()));
  page.Line("priority", PriorityName(PriorityOf(job)));
  page.Line("labels", LabelsOf(job));
  page.Line("owner", job.owner());
  page.Line("created", When(job.create_time(), now));
  page.Line("started", When(job.start_time(), now));
  page.Line("ended", When(job.end_time(), now));
  page.Line("uid", job.uid());
  page.Line("etag", job.etag());
}

std::string MethodOf(const v1::MethodSpec& method) {
  if (!method.has_lora()) return "full";
  const v1::LoraSpec& lora = method.lora();
  return absl::StrCat("lora r=", lora.r(), " alpha=", lora.alpha(),
                      " dropout=", lora.dropout(), " on ",
                      absl::StrJoin(lora.target_modules(), ", "),
                      lora.use_rslora() ? ", rslora" : "");
}

std::string LengthOf(const v1::TrainSpec& train) {
  return train.max_steps() > 0
             ? absl::StrCat(train.max_steps(), " steps")
             : absl::StrCat(train.num_train_epochs(), " epochs");
}

void AddSpec(const v1::JobSpec& spec, Page& page) {
  const v1::TrainSpec& train = spec.train();
  page.Heading("spec");
  page.Line("model", spec.model().path());
  page.Line("adapter", spec.model().adapter());
  page.Line("method", MethodOf(spec.method()));
  for (const v1::DataSource& source : spec.data().train()) {
    page.Line("data", source.path());
  }
  page.Line("eval", spec.data().eval().path());
  page.Line("max_length",
            absl::StrCat(spec.data().max_length(), ", packing ",
                         Word(v1::DataSpec::Packing_Name<v1::DataSpec::Packing>,
                              spec.data().packing(), "PACKING_")));
  page.Line("train",
            absl::StrCat(LengthOf(train), ", batch ",
                         train.per_device_train_batch_size(), " x ",
                         std::max(1, train.gradient_accumulation_steps()),
                         " a rank, seed ", train.seed()));
  page.Line("optimizer",
            absl::StrCat("lr ", FormatLearningRate(train.learning_rate()), " ",
                         Word(v1::TrainSpec::LrSchedulerType_Name<
                                  v1::TrainSpec::LrSchedulerType>,
                              train.lr_scheduler_type(), "LR_SCHEDULER_TYPE_"),
                         ", warmup ", train.warmup_steps(), ", weight decay ",
                         train.weight_decay()));
  page.Line(
      "resources",
      absl::StrCat(spec.resources().ranks(), " x ",
                   Word(v1::ResourceSpec::Device_Name<v1::ResourceSpec::Device>,
                        spec.resources().device(), "DEVICE_"),
                   ", at most ", spec.max_restarts(), " restarts"));
  page.Line("output", spec.output_dir());
}

void AddProgress(const v1::Job& job, Page& page) {
  const v1::Plan& plan = job.plan();
  const v1::Progress& progress = job.progress();
  if (!job.has_plan() && progress.step() == 0) return;
  page.Heading("progress");
  if (job.has_plan()) {
    page.Line(
        "plan",
        absl::StrCat(plan.rows(), " rows, ", FormatCount(double(plan.tokens())),
                     " tokens (", FormatCount(double(plan.trained_tokens())),
                     " trained), ", plan.steps(), " steps, ",
                     FormatCount(double(plan.trainable_parameters())), " of ",
                     FormatCount(double(plan.parameters())), " parameters"));
  }
  if (progress.step() == 0) return;
  const int64_t steps =
      progress.steps_planned() > 0 ? progress.steps_planned() : plan.steps();
  page.Line("step", absl::StrCat(progress.step(), " of ", steps, ", epoch ",
                                 absl::StrFormat("%.2f", progress.epoch())));
  page.Line("loss", absl::StrCat(FormatLoss(progress.loss()), ", at first ",
                                 FormatLoss(progress.first_loss())));
  if (progress.has_eval_loss()) {
    page.Line("eval loss", FormatLoss(progress.eval_loss()));
  }
  page.Line("speed",
            absl::StrCat(FormatCount(progress.tokens_per_second()), " tok/s",
                         progress.has_mfu()
                             ? absl::StrCat(", ", FormatPercent(progress.mfu()),
                                            " of the GPUs' peak (MFU)")
                             : ""));
}

void AddGoodput(const v1::Goodput& goodput, Page& page) {
  const std::vector<std::vector<std::string>> rows = GoodputRows(goodput);
  if (rows.empty()) return;
  const std::string words = GoodputInWords(goodput);
  page.Heading(absl::StrCat("time", words.empty() ? "" : ": ", words));
  Table table(GoodputHeaders());
  for (const std::vector<std::string>& row : rows) table.AddRow(row);
  page.Add(table.Render());
}

void AddRanks(const JobPicture& picture, Page& page) {
  const std::vector<std::vector<std::string>> rows =
      RankRows(picture.job, picture.rank_points);
  if (rows.empty()) return;
  page.Heading("ranks: time of a step");
  Table table(RankHeaders());
  for (const std::vector<std::string>& row : rows) table.AddRow(row);
  page.Add(table.Render());
}

std::string EndOf(const v1::Attempt& attempt) {
  if (attempt.state() != v1::Attempt::ENDED) {
    return v1::Attempt::State_Name(attempt.state());
  }
  return std::string(EndCauseName(attempt.end_cause()));
}

// How it ended, or what the engine says while it places it.
std::string WordsOn(const v1::Attempt& attempt) {
  std::string words = attempt.state() == v1::Attempt::ENDED
                          ? attempt.end_message()
                          : attempt.engine_message();
  if (attempt.engine_id().empty()) return words;
  return absl::StrCat("Slurm job ", attempt.engine_id(),
                      words.empty() ? "" : ": ", words);
}

std::string DurationOf(const v1::Attempt& attempt, absl::Time now) {
  if (attempt.start_time().seconds() == 0) return "";
  const absl::Time end =
      attempt.has_end_time() ? TimeOf(attempt.end_time()) : now;
  return FormatShortDuration(end - TimeOf(attempt.start_time()));
}

void AddAttempts(const v1::Job& job, absl::Time now, Page& page) {
  if (job.attempts().empty()) return;
  page.Heading(absl::StrCat("attempts (", job.restarts(), " of ",
                            job.spec().max_restarts(), " restarts used)"));
  Table table({"N", "END", "FROM", "TOOK", "DEVICES", "MESSAGE"});
  int number = 0;
  for (const v1::Attempt& attempt : job.attempts()) {
    std::vector<std::string> devices;
    for (const v1::RankPlacement& rank : attempt.ranks()) {
      devices.push_back(rank.device());
    }
    table.AddRow({absl::StrCat(++number), EndOf(attempt),
                  absl::StrCat("step ", attempt.resume_step()),
                  DurationOf(attempt, now), absl::StrJoin(devices, ","),
                  WordsOn(attempt)});
  }
  page.Add(table.Render());
}

void AddCheckpoints(const std::vector<v1::Checkpoint>& checkpoints,
                    absl::Time now, Page& page) {
  if (checkpoints.empty()) return;
  page.Heading("checkpoints");
  Table table({"STEP", "LOSS", "SIZE", "AGE", "PATH"});
  for (const v1::Checkpoint& checkpoint : checkpoints) {
    table.AddRow({absl::StrCat(checkpoint.step()),
                  FormatLoss(checkpoint.loss()),
                  FormatBytes(checkpoint.size_bytes()),
                  FormatAge(checkpoint.create_time(), now), checkpoint.path()});
  }
  page.Add(table.Render());
}

template <typename Message>
std::string JsonArray(const std::vector<Message>& messages) {
  std::vector<std::string> items;
  items.reserve(messages.size());
  for (const Message& message : messages) items.push_back(ToJsonLine(message));
  return absl::StrCat("[", absl::StrJoin(items, ",\n  "), "]");
}

}  // namespace

std::string EventLine(const v1::Event& event, absl::TimeZone zone) {
  return absl::StrFormat(
      "%s %-7s %-20s %s%s",
      absl::FormatTime("%Y-%m-%d %H:%M:%S", TimeOf(event.time()), zone),
      v1::Event::Severity_Name(event.severity()), event.type(), event.message(),
      event.actor().empty() ? "" : absl::StrCat(" (by ", event.actor(), ")"));
}

std::string DescribeJob(const JobPicture& picture, absl::Time now) {
  Page page;
  AddState(picture.job, now, page);
  AddSpec(picture.job.spec(), page);
  AddProgress(picture.job, page);
  AddGoodput(picture.job.goodput(), page);
  AddRanks(picture, page);
  AddAttempts(picture.job, now, page);
  AddCheckpoints(picture.checkpoints, now, page);
  if (!picture.events.empty()) page.Heading("last events (UTC)");
  for (const v1::Event& event : picture.events) {
    page.Add(EventLine(event, absl::UTCTimeZone()));
  }
  return std::move(page).Take();
}

std::string DescribeJobAsJson(const JobPicture& picture) {
  return absl::StrCat("{\"job\": ", ToJsonLine(picture.job),
                      ",\n \"checkpoints\": ", JsonArray(picture.checkpoints),
                      ",\n \"events\": ", JsonArray(picture.events), "}\n");
}

}  // namespace lockstep::cli
