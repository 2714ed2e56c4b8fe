/// \file
/// The hot work of valence in small: deterministic, on one thread, the same instructions in every run.
#pragma once

#include <functional>
#include <string_view>

#include "valence/base/error.h"

namespace valence::gates {

/// Everything it needs has been made by then. May be called again, and does the same again.
using Work = std::function<Status()>;

/// A gate of its own.
struct Workload {
  std::string_view name;
  Result<Work> (*prepare)();
};

// encoder_workloads.cpp: a random model of MiniLM's width with two layers (one whole, one for first tokens only), AVX2
// kernels. Errors: kUnsupported on a CPU without AVX2.
Result<Work> prepare_fp32_encoder();
Result<Work> prepare_int8_encoder();

// text_workloads.cpp
Result<Work> prepare_tokenizer();
Result<Work> prepare_csv_reader();
Result<Work> prepare_csv_writer();

}  // namespace valence::gates
