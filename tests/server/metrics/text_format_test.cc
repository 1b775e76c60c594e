#include "server/metrics/text_format.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"

namespace lockstep {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr double kInf = std::numeric_limits<double>::infinity();

std::string TextOf(const MetricFamily& family) {
  std::string page;
  AppendText(family, page);
  return page;
}

MetricFamily GaugeOf(double value, std::vector<ClientMetric::Label> labels) {
  MetricFamily family{.name = "f", .help = "Help.", .type = MetricType::Gauge};
  ClientMetric metric;
  metric.gauge.value = value;
  metric.label = std::move(labels);
  family.metric.push_back(metric);
  return family;
}

TEST(TextFormatTest, GaugesAreALineEach) {
  EXPECT_EQ(TextOf(GaugeOf(0.1, {{"a", "x"}, {"b", "y"}})),
            "# HELP f Help.\n# TYPE f gauge\nf{a=\"x\",b=\"y\"} 0.1\n");
  EXPECT_EQ(TextOf(GaugeOf(3, {})), "# HELP f Help.\n# TYPE f gauge\nf 3\n");
}

TEST(TextFormatTest, NumbersThatPeopleReadHaveNoExponent) {
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{
           {0, "0"},
           {-0.0005, "-0.0005"},
           {2.3e12, "2300000000000"},
           {1767226600.25, "1767226600.25"},
           {1e-7, "1e-07"},
           {1.5e300, "1.5e+300"}}) {
    EXPECT_TRUE(absl::EndsWith(TextOf(GaugeOf(value, {})), "f " + text + "\n"))
        << TextOf(GaugeOf(value, {}));
  }
}

TEST(TextFormatTest, WhatIsNoNumberHasAWord) {
  EXPECT_TRUE(absl::EndsWith(TextOf(GaugeOf(std::nan(""), {})), "f NaN\n"));
  EXPECT_TRUE(absl::EndsWith(TextOf(GaugeOf(kInf, {})), "f +Inf\n"));
  EXPECT_TRUE(absl::EndsWith(TextOf(GaugeOf(-kInf, {})), "f -Inf\n"));
}

TEST(TextFormatTest, LabelsAndHelpAreEscaped) {
  MetricFamily family = GaugeOf(1, {{"a", "q\"b\\n\nü"}});
  family.help = "a \"b\" \\ c\nd";
  EXPECT_EQ(TextOf(family),
            "# HELP f a \"b\" \\\\ c\\nd\n# TYPE f gauge\n"
            "f{a=\"q\\\"b\\\\n\\nü\"} 1\n");
}

TEST(TextFormatTest, HistogramsAreCumulative) {
  MetricFamily family{.name = "h", .help = "", .type = MetricType::Histogram};
  ClientMetric metric;
  metric.histogram.sample_count = 5;
  metric.histogram.sample_sum = 2.5;
  metric.histogram.bucket = {{.cumulative_count = 2, .upper_bound = 0.25},
                             {.cumulative_count = 5, .upper_bound = kInf}};
  family.metric = {metric, metric};
  family.metric[1].label = {{"j", "x"}};
  EXPECT_EQ(TextOf(family),
            "# HELP h \n# TYPE h histogram\n"
            "h_bucket{le=\"0.25\"} 2\nh_bucket{le=\"+Inf\"} 5\n"
            "h_sum 2.5\nh_count 5\n"
            "h_bucket{j=\"x\",le=\"0.25\"} 2\nh_bucket{j=\"x\",le=\"+Inf\"} 5\n"
            "h_sum{j=\"x\"} 2.5\nh_count{j=\"x\"} 5\n");
}

// A line as its series and its value; a comment has no value.
std::pair<std::string, std::string> Halves(const std::string& line) {
  if (absl::StartsWith(line, "#")) return {line, ""};
  const size_t space = line.rfind(' ');
  return {line.substr(0, space), line.substr(space + 1)};
}

TEST(TextFormatTest, NumbersAreReadBackAsWritten) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t bits = random();
    const double value = std::bit_cast<double>(bits);
    if (!std::isfinite(value)) continue;
    const std::string page = TextOf(GaugeOf(value, {}));
    const std::string written = page.substr(page.rfind(' '));
    EXPECT_EQ(std::strtod(written.c_str(), nullptr), value) << page;
  }
}

// Of the same series in the same order, with the same values.
TEST(TextFormatTest, SaysWhatPrometheusCppSays) {
  std::mt19937_64 random(7);
  std::vector<MetricFamily> families;
  for (const MetricType type :
       {MetricType::Gauge, MetricType::Counter, MetricType::Histogram}) {
    MetricFamily family{.name = absl::StrCat("f", families.size()),
                        .help = "Help.",
                        .type = type};
    for (int i = 0; i < 50; ++i) {
      ClientMetric metric;
      for (uint64_t label = random() % 4; label > 0; --label) {
        metric.label.push_back(
            {absl::StrCat("l", label), absl::StrCat("\"\\", random())});
      }
      // Theirs has 16 digits at most.
      metric.gauge.value = static_cast<double>(random() % 1'000'000) / 8;
      metric.counter.value = static_cast<double>(random() % 1000);
      metric.histogram.sample_count = random();
      metric.histogram.sample_sum = metric.gauge.value / 4;
      metric.histogram.bucket = {{random() % 10, 0.25}, {random(), kInf}};
      family.metric.push_back(metric);
    }
    families.push_back(family);
  }
  std::string page;
  for (const MetricFamily& family : families) AppendText(family, page);
  const std::vector<std::string> ours = absl::StrSplit(page, '\n');
  const std::vector<std::string> theirs =
      absl::StrSplit(prometheus::TextSerializer().Serialize(families), '\n');
  // Of a histogram theirs has the buckets last, and bounds that binary has no
  // short form of in all digits.
  const auto sorted = [](const std::vector<std::string>& lines) {
    std::vector<std::pair<std::string, double>> all;
    for (const std::string& line : lines) {
      const auto [series, value] = Halves(line);
      all.emplace_back(series, std::strtod(value.c_str(), nullptr));
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  EXPECT_EQ(ours.size(), theirs.size());
  const auto a = sorted(ours);
  const auto b = sorted(theirs);
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    EXPECT_EQ(a[i], b[i]);
  }
}

}  // namespace
}  // namespace lockstep
