/// \file
/// `valence bench --estimate`: will it run, how fast, how much memory; as a table or JSON.
#pragma once

#include <string>

#include "valence/base/error.h"
#include "valence/cli/bench_options.h"

namespace valence::cli {

/// The answer as text. Reads config.json and the headers of the weights, where there are any (`-m` may also name a
/// config.json alone), and measures the machine's peaks and bandwidth unless they were given. Errors: those of loading.
Result<std::string> estimate_text(const BenchOptions& options);

}  // namespace valence::cli
