/// \file
/// The options of `valence bench`, as written and as meant.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "valence/base/error.h"
#include "valence/precision.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// The words of the command line, one member an option, unchecked.
struct BenchArguments {
  std::string model = "default";
  std::string precision = "auto";
  std::string threads;
  std::string seconds = "2";
  bool json = false;
  bool estimate = false;
  std::string peak_gops;
  std::string bandwidth_gbs;
  std::string memory_gb;
};

struct BenchOptions {
  std::string model;
  Precision precision = Precision::kAuto;
  std::size_t threads = 1;
  double seconds = 2;  ///< of each workload; of a peak, a tenth
  bool json = false;
  bool estimate = false;
  // Of another machine; nothing: this one's.
  std::optional<double> peak_gops;
  std::optional<double> bandwidth_gbs;
  std::optional<double> memory_bytes;
};

void declare_bench_options(CLI::App& app, BenchArguments& arguments);

/// Checks each value and each combination. Errors name the option.
Result<BenchOptions> interpret(const BenchArguments& arguments);

}  // namespace valence::cli
