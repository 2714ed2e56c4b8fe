// The share of the register-loop peak that every hot kernel of every instruction set of this CPU reaches, as JSON for
// peak_shares_test.py:
//   {"build": {...}, "cpu": {"vendor": ..., ...},
//    "paths": {"avx2": {"fp32 product": {"peak": "f32_fma_256", "peak_gops": 90.1, "gops": 80.2, "share": 0.89}}}}
//
//   kernel_shares
#include <fmt/format.h>

#include <string>

#include "gates/build_description.h"
#include "gates/hot_kernels.h"
#include "gates/share_of_peak.h"
#include "valence/kernels/cpu_identity.h"
#include "valence/kernels/dispatch.h"

namespace valence::gates {
namespace {

void write_kernel(const HotKernel& kernel, JsonText& json) {
  const ShareOfPeak measured = measure_share_of_peak(kernel);
  json.key(kernel.name).begin_object();
  json.key("peak").string(bench::info(kernel.peak).name).key("peak_gops").number(measured.peak_gops);
  json.key("gops").number(measured.gops).key("share").number(measured.share()).end_object();
}

Result<std::string> report() {
  const auto cpu = kernels::identify_cpu();
  JsonText json;
  json.begin_object();
  write_build(json);
  json.key("cpu").begin_object().key("vendor").string(cpu.vendor).key("brand").string(cpu.brand);
  json.key("micro_architecture").string(cpu.micro_architecture).end_object();
  json.key("paths").begin_object();
  for (const kernels::Isa isa : kernels::runnable_isas()) {
    VALENCE_TRY(const kernels::KernelTable* const table, kernels::kernel_table(isa));
    json.key(name(isa)).begin_object();
    for (const HotKernel& kernel : hot_kernels(*table)) write_kernel(kernel, json);
    json.end_object();
  }
  return json.end_object().end_object().text();
}

}  // namespace
}  // namespace valence::gates

int main() {
  const auto report = valence::gates::report();
  if (report) {
    fmt::print("{}\n", *report);
    return 0;
  }
  fmt::print(stderr, "error: {}\n", report.error().to_string());
  return 3;
}
