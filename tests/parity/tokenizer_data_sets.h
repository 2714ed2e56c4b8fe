/// \file
/// The texts of a data set as tools/make_tokenizer_goldens.py reads them, by code that shares nothing with the data
/// layer.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::testing {
namespace data_sets {

using Row = std::vector<std::string>;

inline std::string read_maybe_gzip(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot read " + path.string());
  std::string content;
  std::array<char, 1 << 16> buffer;
  int got = 0;
  while ((got = gzread(file, buffer.data(), buffer.size())) > 0)
    content.append(buffer.data(), static_cast<std::size_t>(got));
  const bool failed = got < 0;
  gzclose(file);
  if (failed) throw std::runtime_error("cannot unpack " + path.string());
  return content;
}

inline std::string latin1_to_utf8(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(text, static_cast<unsigned char>(byte));
  return text;
}

inline std::vector<Row> parse_csv(std::string_view text, char delimiter) {
  std::vector<Row> rows;
  Row row;
  std::string cell;
  bool quoted = false;
  const auto end_cell = [&] {
    row.push_back(cell);
    cell.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += c;
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == delimiter) {
      end_cell();
    } else if (c == '\n' || c == '\r') {
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      end_cell();
      rows.push_back(std::move(row));
      row.clear();
    } else {
      cell += c;
    }
  }
  if (!cell.empty() || !row.empty()) {
    end_cell();
    rows.push_back(std::move(row));
  }
  return rows;
}

inline std::vector<std::string> texts_of_csv(std::string text, bool is_latin1) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (is_latin1) text = latin1_to_utf8(text);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  const auto rows = parse_csv(text, is_latin1 ? ';' : ',');
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < rows.at(0).size(); ++i) {
    const std::string& name = rows[0][i];
    if (name == "text" || name == "text_natural" || name == "comment") columns.push_back(i);
  }
  std::vector<std::string> texts;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    for (const std::size_t column : columns) {
      if (column < rows[r].size()) texts.push_back(rows[r][column]);
    }
  }
  return texts;
}

inline std::vector<std::string> texts_of_jsonl(std::string_view lines) {
  std::vector<std::string> texts;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    if (end > 0) {
      const auto record = Json::parse(lines.substr(0, end), "jsonl");
      if (!record) throw std::runtime_error(record.error().to_string());
      texts.push_back(record->string("text").value());
    }
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return texts;
}

}  // namespace data_sets

/// Every cell of a text column (text, text_natural, comment) of a .csv or .csv.gz, or `text` of every line of a .jsonl,
/// in file order. A name with "latin1" is ISO-8859-1 with ';'. Throws on what it cannot read.
inline std::vector<std::string> texts_of_data_set(const std::filesystem::path& path) {
  std::string content = data_sets::read_maybe_gzip(path);
  const std::string name = path.filename().string();
  if (name.ends_with(".jsonl")) return data_sets::texts_of_jsonl(content);
  return data_sets::texts_of_csv(std::move(content), name.find("latin1") != std::string::npos);
}

}  // namespace valence::testing
