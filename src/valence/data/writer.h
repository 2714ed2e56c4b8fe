/// \file
/// Results in the formats of `valence classify --format`: table, csv, tsv, jsonl and json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/formats.h"
#include "valence/data/output_sink.h"
#include "valence/data/record.h"

namespace valence::data {

struct LabelScore {
  std::string_view label;
  float score = 0.0F;
};

/// A stretch of the text that was labelled by itself; keys of the Hugging Face pipeline.
struct EntityView {
  std::string_view label;
  float score = 0.0F;
  std::string_view word;
  std::size_t start = 0;  ///< code points [start, end) of the text
  std::size_t end = 0;
  std::int32_t index = -1;  ///< its place among the tokens; -1: it was grouped of several
};

/// One row of output; views of what the caller keeps alive during write(). A row that failed has an error, and usually
/// no prediction.
struct ResultRowView {
  const Fields* carried = nullptr;  ///< may be absent: nothing of the input could be read
  std::string_view text = {};       ///< for the table, which shows the text and not the other fields
  std::optional<LabelScore> best = std::nullopt;
  std::span<const LabelScore> scores = {};    ///< ranked; written where the schema has scores
  std::span<const EntityView> entities = {};  ///< written where the schema has entities
  bool truncated = false;
  std::string_view error = {};  ///< empty: none
};

/// What is known before the first row.
struct OutputSchema {
  /// csv and tsv only: the input columns, in order (RecordReader::columns() of the first input).
  std::vector<std::string> input_columns = {};
  bool has_scores = false;               ///< --top-k other than 1
  bool has_entities = false;             ///< rows have entities instead of a label and a score
  std::vector<std::string> labels = {};  ///< those that can come, for the table's width; may be empty
  /// Set: rows are records and no results. csv, tsv and jsonl write what was carried, under its own names, and nothing
  /// else; table and json cannot.
  bool records_only = false;
};

struct WriterOptions {
  bool appending = false;    ///< the output already holds rows (OutputFile::appending()): no header again
  bool to_terminal = false;  ///< csv, tsv, jsonl: control characters are made visible instead of reaching the terminal
  std::size_t table_width = 100;  ///< columns of the terminal
  bool table_unicode = true;      ///< bars and "…" rather than ASCII
};

/// Writes rows into a sink as they come; memory does not grow with their number.
///
/// Fields of a result carry these names in csv, tsv and jsonl: the input's, then label, score, scores, truncated,
/// error; or entities, truncated, error. csv and tsv: columns are fixed: `scores` (JSON in one cell) only where the
/// schema has scores, `truncated` and `error` always. jsonl: `scores`, `truncated`, `error` only on rows that have
/// them, label and score only on rows that were classified. json: the Hugging Face pipeline's shape; a failed row is
/// {"error": "..."} in its place.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  /// Adds one row; it reaches the descriptor at the next flush of the sink.
  virtual Status write(const ResultRowView& row) = 0;
  /// Closes what the format opened (the bracket of json) and flushes. Also right for an interrupted run: what is there
  /// becomes a whole document, and a resumed run cuts the closing part off again.
  virtual Status finish() = 0;

  /// csv and tsv: rows with a JSONL field that no column holds, because the first object had no such field. They are
  /// written with their result and an `error` that names the field; of records alone the field is left out.
  [[nodiscard]] virtual std::uint64_t rows_with_lost_fields() const { return 0; }
};

/// The sink must outlive the writer. A header is put into the sink's buffer here.
Result<std::unique_ptr<Writer>> make_writer(OutputFormat format, OutputSchema schema, OutputSink& sink,
                                            const WriterOptions& options = {});

/// The name under which an input field is written: `name` itself, or `input.<name>` if it is a result field's (label,
/// score, scores, entities, truncated, error, emotion, aspects), with more `input.` if that is taken by another of
/// `all_names`.
[[nodiscard]] std::string output_name(std::string_view name, std::span<const std::string_view> all_names);

/// Several inputs into one csv or tsv need the same columns in the same order; the error names the difference and
/// recommends jsonl.
Status check_same_columns(std::span<const std::string> first, std::span<const std::string> other,
                          const std::string& other_name);

}  // namespace valence::data
