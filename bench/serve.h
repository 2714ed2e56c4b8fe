/// \file
/// The encoder as bench/peers wants it: token ids in, logits and times out, on request.
#pragma once

#include <cstddef>
#include <string>

#include "valence/precision.h"

namespace valence::bench {

struct ServeOptions {
  std::string model_dir;
  Precision precision = Precision::kAuto;
  std::size_t threads = 1;
};

/// Loads the model and answers {"precision":...}: what it runs in. Then every line of standard input is a request, and
/// the answer is a line of JSON:
///   run BATCH_TOKENS FILE   runs FILE (a text a line, token ids) once, batches spread over the threads
///   each FILE               runs every text alone, one after the other, all threads on it where that is faster
///   peaks                   what the arithmetic units do at most with as many threads, by type
/// Returns the exit code, when standard input ends or at the first error, which it prints.
int serve(const ServeOptions& options);

}  // namespace valence::bench
