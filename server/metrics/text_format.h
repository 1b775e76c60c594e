#ifndef LOCKSTEP_SERVER_METRICS_TEXT_FORMAT_H_
#define LOCKSTEP_SERVER_METRICS_TEXT_FORMAT_H_

// Prometheus' text format, version 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats). prometheus-cpp's own
// serializer writes the same through a stream, which takes most of a scrape.
// Pure.

#include <string>

#include "prometheus/metric_family.h"

namespace lockstep {

inline constexpr char kTextFormatType[] =
    "text/plain; version=0.0.4; charset=utf-8";

// Appends gauges, counters and histograms; there are no other types here.
// Help texts and label values are escaped, and a number is the shortest one
// that is read back as the same.
void AppendText(const prometheus::MetricFamily& family, std::string& page);

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_METRICS_TEXT_FORMAT_H_
