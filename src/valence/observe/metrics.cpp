#include "valence/observe/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <mutex>
#include <vector>

#include "valence/base/check.h"
#include "valence/observe/exposition.h"

namespace valence::observe {
namespace {

constexpr std::size_t kMaxSeries = 200;  // of one family
constexpr std::string_view kOther = "other";

using Values = std::vector<std::string>;

prometheus::Labels with_names(const MetricInfo& info, const Values& values) {
  VALENCE_ASSERT(info.labels.size() == values.size(), "a value for each label of the catalogue");
  prometheus::Labels labels;
  for (std::size_t i = 0; i < values.size(); ++i) labels.emplace(info.labels[i], values[i]);
  return labels;
}

/// The series of one metric.
template <class T>
struct Series {
  std::unique_ptr<prometheus::Family<T>> family;
  std::map<Values, T*> known;

  template <class... Arguments>
  T& get(const MetricInfo& info, Values values, const Arguments&... arguments) {
    if (!family) {
      family =
          std::make_unique<prometheus::Family<T>>(std::string(info.name), std::string(info.help), prometheus::Labels{});
    }
    if (const auto found = known.find(values); found != known.end()) return *found->second;
    if (known.size() >= kMaxSeries) {
      values.assign(values.size(), std::string(kOther));
      if (const auto found = known.find(values); found != known.end()) return *found->second;
    }
    T& made = family->Add(with_names(info, values), arguments...);
    known.emplace(std::move(values), &made);
    return made;
  }
};

Values to_strings(std::initializer_list<std::string_view> values) { return {values.begin(), values.end()}; }

}  // namespace

void Counter::add(double amount) const { static_cast<prometheus::Counter*>(counter_)->Increment(amount); }
void Gauge::set(double value) const { static_cast<prometheus::Gauge*>(gauge_)->Set(value); }
void Gauge::add(double amount) const { static_cast<prometheus::Gauge*>(gauge_)->Increment(amount); }
void Histogram::observe(double value) const { static_cast<prometheus::Histogram*>(histogram_)->Observe(value); }

struct Metrics::Impl {
  mutable std::mutex mutex;
  std::map<Metric, Series<prometheus::Counter>> counters;
  std::map<Metric, Series<prometheus::Gauge>> gauges;
  std::map<Metric, Series<prometheus::Histogram>> histograms;
  std::mutex refresh_mutex;  // taken before `mutex`: refreshes ask for handles
  std::vector<std::function<void()>> refreshes;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(Metric metric, std::initializer_list<std::string_view> values) {
  VALENCE_ASSERT(info(metric).type == MetricType::kCounter, "the catalogue says so");
  const std::lock_guard lock(impl_->mutex);
  Counter handle;
  handle.counter_ = &impl_->counters[metric].get(info(metric), to_strings(values));
  return handle;
}

Gauge Metrics::gauge(Metric metric, std::initializer_list<std::string_view> values) {
  VALENCE_ASSERT(info(metric).type == MetricType::kGauge, "the catalogue says so");
  const std::lock_guard lock(impl_->mutex);
  Gauge handle;
  handle.gauge_ = &impl_->gauges[metric].get(info(metric), to_strings(values));
  return handle;
}

Histogram Metrics::histogram(Metric metric, std::initializer_list<std::string_view> values) {
  VALENCE_ASSERT(info(metric).type == MetricType::kHistogram, "the catalogue says so");
  const std::lock_guard lock(impl_->mutex);
  Histogram handle;
  handle.histogram_ = &impl_->histograms[metric].get(info(metric), to_strings(values), info(metric).buckets);
  return handle;
}

void Metrics::remove_gauge(Metric metric, std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(impl_->mutex);
  auto& series = impl_->gauges[metric];
  const auto found = series.known.find(to_strings(values));
  if (found == series.known.end()) return;
  series.family->Remove(found->second);
  series.known.erase(found);
}

void Metrics::on_expose(std::function<void()> refresh) {
  const std::lock_guard lock(impl_->refresh_mutex);
  impl_->refreshes.push_back(std::move(refresh));
}

std::string Metrics::expose(Exposition exposition) const {
  {
    const std::lock_guard lock(impl_->refresh_mutex);
    for (const auto& refresh : impl_->refreshes) refresh();
  }
  std::vector<prometheus::MetricFamily> families;
  const auto collect = [&families](const auto& series, Metric metric) {
    const auto found = series.find(metric);
    if (found == series.end() || !found->second.family) return;
    for (auto& family : found->second.family->Collect()) families.push_back(std::move(family));
  };
  const std::lock_guard lock(impl_->mutex);
  for (const MetricInfo& each : catalog()) {
    collect(impl_->counters, each.metric);
    collect(impl_->gauges, each.metric);
    collect(impl_->histograms, each.metric);
  }
  return to_text(families, exposition);
}

}  // namespace valence::observe
