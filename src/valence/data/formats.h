/// \file
/// The names of input and output formats, and how a file's name tells its format.
#pragma once

#include <optional>
#include <string_view>

namespace valence::data {

enum class InputFormat { kCsv, kTsv, kJsonl, kTxt };
enum class OutputFormat { kTable, kCsv, kTsv, kJsonl, kJson };

/// By the suffix before an optional `.gz` or `.zst`, in any case: .csv .tsv .jsonl .ndjson .txt.
[[nodiscard]] std::optional<InputFormat> input_format_of(std::string_view path);

/// By suffix: .csv .tsv .jsonl .ndjson .json.
[[nodiscard]] std::optional<OutputFormat> output_format_of(std::string_view path);

/// As written after --input-format: csv tsv jsonl txt.
[[nodiscard]] std::optional<InputFormat> parse_input_format(std::string_view name);
/// As written after --format: table csv tsv jsonl json.
[[nodiscard]] std::optional<OutputFormat> parse_output_format(std::string_view name);

[[nodiscard]] std::string_view name_of(InputFormat format);
[[nodiscard]] std::string_view name_of(OutputFormat format);

}  // namespace valence::data
