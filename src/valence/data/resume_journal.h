/// \file
/// The small file beside an unfinished output that says how far it is whole: FILE.partial.state.
///
/// First line: what the run was, as JSON. Then a line for each checkpoint: "<output bytes> <input records> <crc32>". A
/// line is appended after the bytes it speaks of were handed to the kernel, so after kill -9 the last whole line that
/// does not reach beyond the output is exact, however rows were skipped. A torn last line fails its check and is
/// ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"

namespace valence::data {

/// One input as it was when the run began.
struct InputIdentity {
  std::string path;
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const InputIdentity&) const = default;
};

/// What must be the same for a run to be continued.
struct RunIdentity {
  std::vector<InputIdentity> inputs;
  /// Everything else that shapes the output, by the name users know: {"--top-k", "1"}, {"--model", "<sha256>"}.
  std::vector<std::pair<std::string, std::string>> settings;
};

/// The identity of `path` now; an error if it is no regular file (a pipe cannot be continued).
Result<InputIdentity> identify_input(const std::string& path);

/// Nothing when both are the same run; otherwise an error that names the first difference. `where` is the output.
Status check_same_run(const RunIdentity& before, const RunIdentity& now, const std::string& where);

struct Checkpoint {
  std::uint64_t output_bytes = 0;   ///< the output is whole up to here
  std::uint64_t input_records = 0;  ///< and holds all that these first records of the inputs, counted over all, gave
};

struct JournalContent {
  RunIdentity run;
  std::size_t header_bytes = 0;  ///< of the first line, with its line end
  /// Each with the size of the journal up to the end of its line, in order.
  std::vector<std::pair<Checkpoint, std::size_t>> checkpoints;
};

/// `where` names the journal in errors. Torn or damaged checkpoint lines end the list; a damaged first line is an
/// error.
Result<JournalContent> parse_journal(std::string_view text, const std::string& where);

[[nodiscard]] std::string journal_header(const RunIdentity& run);
[[nodiscard]] std::string journal_line(const Checkpoint& checkpoint);

}  // namespace valence::data
