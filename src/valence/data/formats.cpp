#include "valence/data/formats.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "valence/data/compress.h"

namespace valence::data {
namespace {

template <class Format, std::size_t n>
using NameTable = std::array<std::pair<std::string_view, Format>, n>;

// The first entry of a format is its name; the others are further suffixes.
constexpr NameTable<InputFormat, 5> kInputFormats{{{"csv", InputFormat::kCsv},
                                                   {"tsv", InputFormat::kTsv},
                                                   {"jsonl", InputFormat::kJsonl},
                                                   {"txt", InputFormat::kTxt},
                                                   {"ndjson", InputFormat::kJsonl}}};
constexpr NameTable<OutputFormat, 6> kOutputFormats{{{"table", OutputFormat::kTable},
                                                     {"csv", OutputFormat::kCsv},
                                                     {"tsv", OutputFormat::kTsv},
                                                     {"jsonl", OutputFormat::kJsonl},
                                                     {"json", OutputFormat::kJson},
                                                     {"ndjson", OutputFormat::kJsonl}}};

template <class Table>
auto find_name(const Table& table, std::string_view name) -> std::optional<decltype(table.front().second)> {
  for (const auto& [known, format] : table) {
    if (known == name) return format;
  }
  return std::nullopt;
}

template <class Table, class Format>
std::string_view name_in(const Table& table, Format format) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.second == format; });
  return found->first;  // every enumerator has an entry
}

/// "dir/Reviews.CSV" -> "csv"; "" when there is none.
std::string suffix_of(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto dot = name.rfind('.');
  return dot == std::string::npos ? std::string() : name.substr(dot + 1);
}

}  // namespace

std::optional<InputFormat> input_format_of(std::string_view path) {
  return find_name(kInputFormats, suffix_of(without_compression(path)));
}

std::optional<OutputFormat> output_format_of(std::string_view path) {
  const std::string suffix = suffix_of(path);
  return suffix == "table" ? std::nullopt : find_name(kOutputFormats, suffix);
}

std::optional<InputFormat> parse_input_format(std::string_view name) {
  return name == "ndjson" ? std::nullopt : find_name(kInputFormats, name);
}

std::optional<OutputFormat> parse_output_format(std::string_view name) {
  return name == "ndjson" ? std::nullopt : find_name(kOutputFormats, name);
}

std::string_view name_of(InputFormat format) { return name_in(kInputFormats, format); }
std::string_view name_of(OutputFormat format) { return name_in(kOutputFormats, format); }

}  // namespace valence::data
