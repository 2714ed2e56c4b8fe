#include "valence/observe/exposition.h"

#include <prometheus/metric_family.h>

#include <charconv>
#include <cmath>
#include <iterator>

namespace valence::observe {
namespace {

constexpr std::string_view kTotal = "_total";

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char digits[32];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value);
    out.append(digits, end.ptr);
  }
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '"':
        out += quotes ? "\\\"" : "\"";
        break;
      default:
        out += c;
    }
  }
}

struct SampleWriter {
  std::string& out;
  const std::string& family;

  void write(std::string_view suffix, const std::vector<prometheus::ClientMetric::Label>& labels, double value,
             const double* bound = nullptr) const {
    out += family;
    out += suffix;
    char separator = '{';
    const auto label = [&](std::string_view name) {
      out += separator;
      separator = ',';
      out += name;
      out += "=\"";
    };
    for (const auto& each : labels) {
      label(each.name);
      append_escaped(out, each.value, true);
      out += '"';
    }
    if (bound != nullptr) {
      label("le");
      append_number(out, *bound);
      out += '"';
    }
    if (separator == ',') out += '}';
    out += ' ';
    append_number(out, value);
    out += '\n';
  }
};

void append_head(std::string& out, std::string_view word, std::string_view name, std::string_view text) {
  out += "# ";
  out += word;
  out += ' ';
  out += name;
  out += ' ';
  append_escaped(out, text, false);
  out += '\n';
}

void append_family(std::string& out, const prometheus::MetricFamily& family, Exposition exposition) {
  const bool is_counter = family.type == prometheus::MetricType::Counter;
  std::string name = family.name;
  std::string_view suffix;
  if (is_counter && exposition == Exposition::kOpenMetrics && name.ends_with(kTotal)) {
    name.resize(name.size() - kTotal.size());
    suffix = kTotal;
  }
  append_head(out, "HELP", name, family.help);
  const bool is_histogram = family.type == prometheus::MetricType::Histogram;
  append_head(out, "TYPE", name, is_counter ? "counter" : is_histogram ? "histogram" : "gauge");
  const SampleWriter samples{out, name};
  for (const prometheus::ClientMetric& metric : family.metric) {
    if (is_counter) {
      samples.write(suffix, metric.label, metric.counter.value);
    } else if (is_histogram) {
      for (const auto& bucket : metric.histogram.bucket) {
        samples.write("_bucket", metric.label, static_cast<double>(bucket.cumulative_count), &bucket.upper_bound);
      }
      samples.write("_sum", metric.label, metric.histogram.sample_sum);
      samples.write("_count", metric.label, static_cast<double>(metric.histogram.sample_count));
    } else {
      samples.write("", metric.label, metric.gauge.value);
    }
  }
}

}  // namespace

Exposition exposition_for(std::string_view accept) {
  return accept.find("application/openmetrics-text") != std::string_view::npos ? Exposition::kOpenMetrics
                                                                               : Exposition::kText;
}

std::string_view content_type(Exposition exposition) {
  return exposition == Exposition::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                                : "text/plain; version=0.0.4; charset=utf-8";
}

std::string to_text(const std::vector<prometheus::MetricFamily>& families, Exposition exposition) {
  std::string out;
  for (const auto& family : families) append_family(out, family, exposition);
  if (exposition == Exposition::kOpenMetrics) out += "# EOF\n";
  return out;
}

}  // namespace valence::observe
