/// \file
/// What `valence bench` found, as tables for people and as JSON.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "valence/bench/model_bench.h"
#include "valence/bench/peaks.h"
#include "valence/bench/read_bandwidth.h"
#include "valence/model/head_spec.h"
#include "valence/precision.h"

namespace valence::cli {

/// The same measured on one thread and on all; the second is absent when all is one.
struct OneAndAll {
  double one = 0;
  std::optional<double> all;
};

struct PeakFigure {
  bench::Peak peak;
  OneAndAll gops;
};

struct ReadFigure {
  std::string level;
  std::size_t bytes_one = 0;  ///< read by one thread; `bytes_all` by each of all
  std::size_t bytes_all = 0;
  OneAndAll gbs;
};

struct WorkloadFigure {
  std::string name;
  std::size_t threads = 1;
  bool one_text = false;
  bench::Timing timing;
  std::optional<double> peak_gops;  ///< of the reference peak with as many threads, measured just before

  /// Work done as a share of the peak, in percent.
  [[nodiscard]] std::optional<double> percent_of_peak() const;
  /// The same counting what the network nominally asks for.
  [[nodiscard]] std::optional<double> percent_of_peak_nominal() const;
};

struct StageFigure {
  std::string workload;
  bench::StageSeconds seconds;
};

struct BenchReport {
  std::string cpu;
  std::string isa;
  std::size_t threads = 1;
  std::vector<PeakFigure> peaks;
  std::vector<ReadFigure> reads;
  std::string model;
  ModelSpec spec;
  Precision precision = Precision::kFp32;  ///< what it ran in
  std::optional<bench::Peak> reference;    ///< what percentages are of
  std::vector<WorkloadFigure> workloads;
  std::vector<StageFigure> stages;
};

[[nodiscard]] std::string to_tables(const BenchReport& report);
[[nodiscard]] std::string to_json(const BenchReport& report);

}  // namespace valence::cli
