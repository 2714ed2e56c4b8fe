/// \file
/// Counters, gauges and histograms of the catalogue, and what Prometheus reads of them.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "valence/observe/catalog.h"

namespace valence::observe {

/// Handles are small and copied freely; they live as long as the Metrics they come from. Thread-safe.
class Counter {
 public:
  void add(double amount = 1) const;

 private:
  friend class Metrics;
  void* counter_ = nullptr;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double amount) const;

 private:
  friend class Metrics;
  void* gauge_ = nullptr;
};

class Histogram {
 public:
  /// Takes a lock: once a batch or a request, not once a token.
  void observe(double value) const;

 private:
  friend class Metrics;
  void* histogram_ = nullptr;
};

enum class Exposition {
  kText,         ///< text/plain; version=0.0.4
  kOpenMetrics,  ///< application/openmetrics-text; version=1.0.0
};

/// By the Accept header of a scrape.
[[nodiscard]] Exposition exposition_for(std::string_view accept);
[[nodiscard]] std::string_view content_type(Exposition exposition);

/// All metrics of one process. Thread-safe; asking for a handle takes a lock, so keep handles that are used often.
///
/// A family keeps the first 200 label combinations that it meets; later ones count as "other", so that no caller can
/// make it grow without bound.
class Metrics {
 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  /// `values` of the metric's labels, in the catalogue's order. The metric must be of the kind asked for.
  [[nodiscard]] Counter counter(Metric metric, std::initializer_list<std::string_view> values = {});
  [[nodiscard]] Gauge gauge(Metric metric, std::initializer_list<std::string_view> values = {});
  [[nodiscard]] Histogram histogram(Metric metric, std::initializer_list<std::string_view> values = {});
  /// Forgets one gauge, e.g. of a model that is gone. Its handles must not be used any more.
  void remove_gauge(Metric metric, std::initializer_list<std::string_view> values);

  /// `refresh` runs before each exposition: for values that are looked up rather than counted.
  void on_expose(std::function<void()> refresh);
  /// Families without a sample are left out.
  [[nodiscard]] std::string expose(Exposition exposition) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Keeps the process_... metrics up to date at each exposition; from /proc/self.
void expose_process(Metrics& metrics);

}  // namespace valence::observe
