// Runs one workload for callgrind to count: instructions_test.py.
//
//   instruction_probe             {"build": {...}, "workloads": ["fp32 encoder", ...]}
//   instruction_probe WORKLOAD    runs it twice; the second time, when buffers have grown, between callgrind's requests
#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gates/build_description.h"
#include "gates/workloads.h"

namespace valence::gates {
namespace {

constexpr std::array<Workload, 5> kWorkloads = {{
    {"fp32 encoder", prepare_fp32_encoder},
    {"int8 encoder", prepare_int8_encoder},
    {"tokenizer", prepare_tokenizer},
    {"csv reader", prepare_csv_reader},
    {"csv writer", prepare_csv_writer},
}};

std::string description() {
  JsonText json;
  json.begin_object();
  write_build(json);
  json.key("workloads").begin_array();
  for (const Workload& workload : kWorkloads) json.string(workload.name);
  return json.end_array().end_object().text();
}

Status run_counted(const Workload& workload) {
  VALENCE_TRY(const Work work, workload.prepare());
  VALENCE_TRY_STATUS(work());
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  const Status outcome = work();
  CALLGRIND_STOP_INSTRUMENTATION;
  return outcome;
}

int run(const std::vector<std::string_view>& arguments) {
  if (arguments.empty()) {
    fmt::print("{}\n", description());
    return 0;
  }
  const auto* const workload = std::find_if(kWorkloads.begin(), kWorkloads.end(),
                                            [&](const Workload& each) { return each.name == arguments[0]; });
  if (workload == kWorkloads.end()) {
    fmt::print(stderr, "error: no workload \"{}\"; without arguments the names are listed\n", arguments[0]);
    return 2;
  }
  const Status outcome = run_counted(*workload);
  if (outcome) return 0;
  fmt::print(stderr, "error: {}\n", outcome.error().to_string());
  return 3;
}

}  // namespace
}  // namespace valence::gates

int main(int argc, char** argv) { return valence::gates::run({argv + 1, argv + argc}); }
