// What `lockstep top` does on keys and news, and what it then looks like.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "client/cli/gpu_bars.h"
#include "client/cli/top_state.h"
#include "client/cli/top_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kNow = 1'800'000'000;

v1::Job MakeJob(const std::string& id, v1::Job::State state, int64_t age = 60) {
  v1::Job job;
  job.set_name("jobs/" + id);
  job.set_state(state);
  job.mutable_create_time()->set_seconds(kNow - age);
  return job;
}

v1::Job RunningJob(const std::string& id, double speed, int64_t age = 60) {
  v1::Job job = MakeJob(id, v1::Job::RUNNING, age);
  v1::Progress& progress = *job.mutable_progress();
  progress.set_step(25);
  progress.set_steps_planned(100);
  progress.set_loss(1.25);
  progress.set_tokens_per_second(speed);
  job.add_attempts()->mutable_start_time()->set_seconds(kNow - 50);
  return job;
}

TopNews News(std::vector<v1::Job> jobs) { return {std::move(jobs), {}, ""}; }

std::vector<std::string> Names(const TopState& state) {
  std::vector<std::string> names;
  for (const v1::Job& job : state.jobs()) names.push_back(job.name());
  return names;
}

void Press(TopState& state, const std::string& keys) {
  for (char key : keys) {
    EXPECT_FALSE(state.OnKey({Key::kCharacter, key}).has_value()) << key;
  }
}

std::string Draw(const TopState& state, const TopDetails& details = {},
                 int width = 80, int height = 24) {
  Frame frame(width, height);
  DrawTop(state, details, absl::FromUnixSeconds(kNow), {.unicode = false},
          frame);
  return frame.Text();
}

TEST(TopStateTest, ActiveJobsComeFirstAndTheNewestAmongThem) {
  TopState state("");
  state.OnNews(News({MakeJob("done", v1::Job::SUCCEEDED, 5),
                     MakeJob("old", v1::Job::QUEUED, 90),
                     MakeJob("new", v1::Job::QUEUED, 10)}));
  EXPECT_THAT(Names(state), ElementsAre("jobs/new", "jobs/old", "jobs/done"));
  EXPECT_EQ(state.selected(), "new");
}

TEST(TopStateTest, SortsByNameAndBySpeed) {
  TopState state("");
  v1::Job failed = RunningJob("a", 90);
  failed.set_state(v1::Job::FAILED);
  state.OnNews(News({RunningJob("b", 10), RunningJob("c", 30), failed}));
  Press(state, "s");
  EXPECT_THAT(Names(state), ElementsAre("jobs/a", "jobs/b", "jobs/c"));
  Press(state, "s");
  EXPECT_THAT(Names(state), ElementsAre("jobs/c", "jobs/b", "jobs/a"));
}

TEST(TopStateTest, ArrowsSelectAndStopAtTheEnds) {
  TopState state("b");
  state.OnNews(
      News({MakeJob("a", v1::Job::QUEUED, 1), MakeJob("b", v1::Job::QUEUED, 2),
            MakeJob("c", v1::Job::QUEUED, 3)}));
  EXPECT_EQ(state.selected(), "b");
  state.OnKey({Key::kDown});
  state.OnKey({Key::kDown});
  EXPECT_EQ(state.selected(), "c");
  Press(state, "kkk");
  EXPECT_EQ(state.selected(), "a");
}

TEST(TopStateTest, TheSelectionStaysWithItsJobAndOutlivesIt) {
  TopState state("");
  state.OnNews(News({MakeJob("b", v1::Job::QUEUED, 5)}));
  state.OnNews(News(
      {MakeJob("b", v1::Job::QUEUED, 5), MakeJob("a", v1::Job::QUEUED, 1)}));
  EXPECT_EQ(state.selected(), "b");
  state.OnNews(News({MakeJob("a", v1::Job::QUEUED, 1)}));
  EXPECT_EQ(state.selected(), "a");
  state.OnNews(News({}));
  EXPECT_EQ(state.selected(), "");
  Press(state, "jkcp");  // There is nothing to move to or to cancel.
}

TEST(TopStateTest, CancelAsksFirst) {
  TopState state("");
  state.OnNews(News({RunningJob("a", 10)}));
  Press(state, "c");
  EXPECT_THAT(state.message(), HasSubstr("cancel job/a?"));
  state.SetMessage("job/b resumed");  // Late, of an earlier key.
  EXPECT_THAT(state.message(), HasSubstr("cancel job/a?"));
  Press(state, "n");
  EXPECT_EQ(state.message(), "");
  Press(state, "y");  // Too late.

  Press(state, "c");
  const auto request = state.OnKey({Key::kCharacter, 'y'});
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->kind, TopRequest::kCancel);
  EXPECT_EQ(request->job, "a");
}

TEST(TopStateTest, TheAnswerIsNoCommand) {
  TopState state("");
  state.OnNews(News({RunningJob("a", 10)}));
  Press(state, "cq");  // No, and not quit either.
  EXPECT_EQ(state.OnKey({Key::kCharacter, 'q'})->kind, TopRequest::kQuit);
  EXPECT_EQ(state.OnKey({Key::kInterrupt})->kind, TopRequest::kQuit);
}

TEST(TopStateTest, PauseTurnsIntoResume) {
  TopState state("");
  v1::Job job = RunningJob("a", 10);
  state.OnNews(News({job}));
  auto request = state.OnKey({Key::kCharacter, 'p'});
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->kind, TopRequest::kPause);
  EXPECT_EQ(request->job, "a");

  job.set_desired(v1::Job::PAUSE);
  state.OnNews(News({job}));
  request = state.OnKey({Key::kCharacter, 'p'});
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->kind, TopRequest::kResume);
}

TEST(TopStateTest, AnEndedJobIsNotCancelled) {
  TopState state("");
  state.OnNews(News({MakeJob("a", v1::Job::FAILED)}));
  Press(state, "cy");
  state.OnKey({Key::kUp});
  Press(state, "c");
  EXPECT_EQ(state.message(), "job/a has ended");
  Press(state, "p");
  EXPECT_EQ(state.message(), "job/a has ended");
}

TEST(TopStateTest, AnErrorLeavesWhatWasThere) {
  TopState state("");
  state.OnNews(News({RunningJob("a", 10)}));
  state.OnNews({{}, {}, "unreachable"});
  EXPECT_THAT(Names(state), ElementsAre("jobs/a"));
  EXPECT_EQ(state.error(), "unreachable");
  state.OnNews(News({RunningJob("a", 10)}));
  EXPECT_EQ(state.error(), "");
}

TEST(TopViewTest, ShowsFleetDevicesAndJobs) {
  TopState state("");
  TopNews news = News({RunningJob("chat", 18200), RunningJob("chat-2", 800),
                       MakeJob("next", v1::Job::QUEUED, 3600),
                       MakeJob("bad", v1::Job::FAILED, 7200)});
  v1::Node& node = news.nodes.emplace_back();
  for (int i = 0; i < 4; ++i) {
    v1::Device& device = *node.add_devices();
    device.set_kind(v1::Device::CUDA);
    if (i == 0) device.set_job("jobs/chat");
    if (i == 1) device.set_used_by("pid 7");
  }
  state.OnNews(std::move(news));
  const std::string text = Draw(state);
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("lockstep  2 active  1 waiting  1 failed  0 ended  "
                      "19.0k tok/s\n"),
            HasSubstr("gpu [#####     ] 2/4 in use\n"),
            HasSubstr("NAME                STATE                STEP      "
                      "LOSS    TOK/S     ETA     AGE\n"
                      "chat                RUNNING            25/100     "
                      "1.250    18.2k      2m     60s\n"),
            HasSubstr("next                QUEUED "), HasSubstr("q quit")));
}

TEST(TopViewTest, ThereIsAColumnOfMfuWhereSomeJobKnowsIt) {
  TopState state("");
  v1::Job ended = RunningJob("ended", 90);
  ended.set_state(v1::Job::SUCCEEDED);
  ended.mutable_progress()->set_mfu(0.5);
  v1::Job chat = RunningJob("chat", 18200);
  state.OnNews(News({chat, ended}));
  EXPECT_THAT(Draw(state), Not(HasSubstr("MFU")));

  chat.mutable_progress()->set_mfu(0.414);
  state.OnNews(News({chat, RunningJob("on-cpu", 800), ended}));
  EXPECT_THAT(
      Draw(state),
      AllOf(HasSubstr("NAME          STATE                STEP      LOSS    "
                      "TOK/S   MFU     ETA     AGE\n"),
            HasSubstr("chat          RUNNING            25/100     1.250    "
                      "18.2k   41%      2m     60s\n"),
            HasSubstr("on-cpu        RUNNING            25/100     1.250      "
                      "800            2m     60s\n")));
}

TEST(TopViewTest, BelowTheTableIsTheLossOrTheLogOrHelp) {
  TopState state("");
  state.OnNews(News({RunningJob("a", 10)}));
  const TopDetails details = {.loss = {{1, 3.0}, {2, 2.0}, {3, 1.0}},
                              .log = {"first", "second"}};
  EXPECT_THAT(Draw(state, details),
              AllOf(HasSubstr("a: loss by step\n"), HasSubstr("3.0 +*"),
                    Not(HasSubstr("second"))));
  Press(state, "l");
  EXPECT_THAT(Draw(state, details),
              HasSubstr("a: log of rank 0\nfirst\nsecond\n"));
  Press(state, "?");
  EXPECT_THAT(Draw(state, details), AllOf(HasSubstr("cancel it; asks first"),
                                          Not(HasSubstr("second"))));
  state.OnKey({Key::kEscape});
  state.OnKey({Key::kEnter});
  EXPECT_THAT(Draw(state, details),
              AllOf(Not(HasSubstr("second")), Not(HasSubstr("loss by"))));
}

TEST(TopViewTest, TheNewestLinesOfALogAreSeen) {
  TopState state("");
  state.OnNews(News({RunningJob("a", 10)}));
  Press(state, "l");
  TopDetails details;
  for (int i = 0; i < 100; ++i) {
    details.log.push_back("line " + std::to_string(i));
  }
  EXPECT_THAT(Draw(state, details),
              AllOf(HasSubstr("line 99\n"), Not(HasSubstr("line 50\n"))));
}

TEST(TopViewTest, TheSelectedJobIsAlwaysSeen) {
  TopState state("");
  std::vector<v1::Job> jobs;
  for (int i = 0; i < 50; ++i) {
    jobs.push_back(MakeJob("job-" + std::to_string(i), v1::Job::QUEUED, i));
  }
  state.OnNews(News(jobs));
  EXPECT_THAT(Draw(state), Not(HasSubstr("job-49")));
  for (int i = 0; i < 49; ++i) state.OnKey({Key::kDown});
  EXPECT_THAT(Draw(state), HasSubstr("job-49"));
}

TEST(TopViewTest, FitsAnyTerminal) {
  TopState state("");
  state.OnNews(News({RunningJob("a-name-that-is-longer-than-its-column", 10)}));
  const TopDetails details = {.loss = {{1, 3.0}, {2, 2.0}}, .log = {}};
  for (int width : {1, 10, 40, 80, 200}) {
    for (int height : {1, 2, 4, 8, 60}) Draw(state, details, width, height);
  }
  EXPECT_THAT(Draw(state, details), HasSubstr("a-name-that-is-lo~  RUNNING"));
}

TEST(TopViewTest, SaysWhatIsWrong) {
  TopState state("");
  EXPECT_THAT(Draw(state), HasSubstr("asking the coordinator"));
  state.OnNews({{}, {}, "no coordinator at unix:/x"});
  EXPECT_THAT(Draw(state), AllOf(HasSubstr("no coordinator at unix:/x\n"),
                                 Not(HasSubstr("no jobs yet"))));
  state.OnNews(News({}));
  EXPECT_THAT(Draw(state), HasSubstr("no jobs yet"));
}

v1::Device Gpu(double utilization, double watts) {
  v1::Device gpu;
  gpu.set_kind(v1::Device::CUDA);
  gpu.set_memory_bytes(int64_t{80} << 30);
  v1::DeviceLoad& load = *gpu.mutable_load();
  load.set_utilization_ratio(utilization);
  load.set_memory_used_bytes(int64_t{41} << 30);
  load.set_power_watts(watts);
  load.set_temperature_celsius(64);
  return gpu;
}

TEST(GpuBarsTest, ShowWhatEachGpuDoes) {
  v1::Node node;
  *node.add_devices() = Gpu(0.7, 412);
  *node.add_devices() = Gpu(1, 700);
  node.add_devices()->set_kind(v1::Device::CPU);
  EXPECT_THAT(GpuBarLines({node}, 80, 9, /*unicode=*/false),
              ElementsAre("gpu0  [#### ]  70%   41/80G  412W  64C  "
                          "gpu1  [#####] 100%   41/80G  700W  64C"));
  EXPECT_THAT(GpuBarLines({node}, 79, 9, /*unicode=*/true),
              ElementsAre("gpu0  ▕███▌ ▏  70%   41/80G  412W  64°C",
                          "gpu1  ▕█████▏ 100%   41/80G  700W  64°C"));
}

TEST(GpuBarsTest, WithoutLoadThereIsNoBar) {
  v1::Node node;
  node.add_devices()->set_kind(v1::Device::CUDA);
  EXPECT_THAT(GpuBarLines({node}, 80, 9, true), ElementsAre());
  *node.add_devices() = Gpu(0, 60);
  // It keeps its number.
  EXPECT_THAT(GpuBarLines({node}, 80, 9, false),
              ElementsAre(HasSubstr("gpu1 ")));
}

TEST(GpuBarsTest, NumbersThatAreNoneKeepTheColumns) {
  v1::Node node;
  *node.add_devices() = Gpu(std::nan(""), -1e300);
  *node.add_devices() = Gpu(1e300, std::numeric_limits<double>::infinity());
  EXPECT_THAT(GpuBarLines({node}, 40, 9, false),
              ElementsAre("gpu0  [     ]   0%   41/80G    0W  64C",
                          "gpu1  [#####] 100%   41/80G    0W  64C"));
}

TEST(GpuBarsTest, MoreThanThereIsRoomForAreCounted) {
  v1::Node node;
  for (int i = 0; i < 9; ++i) *node.add_devices() = Gpu(0.5, 300);
  EXPECT_THAT(GpuBarLines({node}, 80, 3, false),
              ElementsAre(HasSubstr("gpu1 "), HasSubstr("gpu3 "),
                          "and 5 more GPUs: lockstep nodes list"));
  EXPECT_THAT(
      GpuBarLines({node}, 80, 5, false),
      ElementsAre(HasSubstr("gpu0 "), HasSubstr("gpu2 "), HasSubstr("gpu4 "),
                  HasSubstr("gpu6 "), HasSubstr("gpu8 ")));
  EXPECT_THAT(GpuBarLines({node}, 80, 0, false), ElementsAre());
}

TEST(TopViewTest, GpuBarsStandAboveTheTable) {
  v1::Node node;
  for (int i = 0; i < 40; ++i) *node.add_devices() = Gpu(0.5, 300);
  TopState state("");
  state.OnNews({{RunningJob("demo", 100)}, {node}, ""});
  const std::string text = Draw(state);
  EXPECT_THAT(text, AllOf(HasSubstr("\ngpu0  [###  ]  50%"),
                          HasSubstr("\nand 30 more GPUs"), HasSubstr("\ndemo "),
                          HasSubstr("loss by step")));
  // The whole of it where nobody has to look at a screen.
  const TopStyle once = {.unicode = false, .keys = false};
  Frame frame(100, TopRows(state, 100, once));
  DrawTop(state, {}, absl::FromUnixSeconds(kNow), once, frame);
  EXPECT_THAT(frame.Text(), AllOf(HasSubstr("gpu39 "), HasSubstr("\ndemo "),
                                  Not(HasSubstr("more GPUs"))));
}

}  // namespace
}  // namespace lockstep::cli
