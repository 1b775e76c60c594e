#include "server/metrics/text_format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace lockstep {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

absl::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    default:
      return "untyped";
  }
}

void AppendEscaped(absl::string_view text, bool quoted, std::string& page) {
  for (const char c : text) {
    if (c == '\\') {
      page += "\\\\";
    } else if (c == '\n') {
      page += "\\n";
    } else if (c == '"' && quoted) {
      page += "\\\"";
    } else {
      page += c;
    }
  }
}

template <typename Number, typename... Format>
void AppendNumber(std::string& page, Number value, Format... format) {
  // Enough for any double that is written with an exponent, and any of IsPlain.
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, format...);
  page.append(text.data(), end.ptr);
}

// What people read is written without an exponent.
bool IsPlain(double value) {
  return value == 0 || (std::abs(value) >= 1e-6 && std::abs(value) < 1e15);
}

void AppendValue(double value, std::string& page) {
  if (std::isnan(value)) {
    page += "NaN";
  } else if (std::isinf(value)) {
    page += value > 0 ? "+Inf" : "-Inf";
  } else {
    AppendNumber(page, value,
                 IsPlain(value) ? std::chars_format::fixed
                                : std::chars_format::scientific);
  }
}

// a="x",b="y"
std::string LabelsOf(const ClientMetric& metric) {
  std::string labels;
  for (const ClientMetric::Label& label : metric.label) {
    if (!labels.empty()) labels += ',';
    absl::StrAppend(&labels, label.name, "=\"");
    AppendEscaped(label.value, /*quoted=*/true, labels);
    labels += '"';
  }
  return labels;
}

// The line of a series up to its value.
void AppendSeries(absl::string_view name, absl::string_view suffix,
                  absl::string_view labels, std::string& page) {
  absl::StrAppend(&page, name, suffix);
  if (!labels.empty()) absl::StrAppend(&page, "{", labels, "}");
  page += ' ';
}

void AppendHistogram(absl::string_view name, absl::string_view labels,
                     const ClientMetric::Histogram& histogram,
                     std::string& page) {
  for (const ClientMetric::Bucket& bucket : histogram.bucket) {
    absl::StrAppend(&page, name, "_bucket{", labels, labels.empty() ? "" : ",",
                    "le=\"");
    AppendValue(bucket.upper_bound, page);
    page += "\"} ";
    AppendNumber(page, bucket.cumulative_count);
    page += '\n';
  }
  AppendSeries(name, "_sum", labels, page);
  AppendValue(histogram.sample_sum, page);
  page += '\n';
  AppendSeries(name, "_count", labels, page);
  AppendNumber(page, histogram.sample_count);
  page += '\n';
}

}  // namespace

void AppendText(const prometheus::MetricFamily& family, std::string& page) {
  absl::StrAppend(&page, "# HELP ", family.name, " ");
  AppendEscaped(family.help, /*quoted=*/false, page);
  absl::StrAppend(&page, "\n# TYPE ", family.name, " ", TypeName(family.type),
                  "\n");
  for (const ClientMetric& metric : family.metric) {
    const std::string labels = LabelsOf(metric);
    if (family.type == MetricType::Histogram) {
      AppendHistogram(family.name, labels, metric.histogram, page);
      continue;
    }
    AppendSeries(family.name, "", labels, page);
    AppendValue(family.type == MetricType::Counter ? metric.counter.value
                                                   : metric.gauge.value,
                page);
    page += '\n';
  }
}

}  // namespace lockstep
