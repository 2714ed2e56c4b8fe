#include "valence/data/label_column.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/data/json_slice.h"
#include "valence/data/missing_value.h"
#include "valence/data/text_column.h"

namespace valence::data {
namespace {
constexpr std::size_t kMaxLabelMapEntries = 100'000;
}

std::optional<std::string> value_of(const Fields& fields, std::string_view name) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.name(i) != name) continue;
    const std::string_view value = fields.value(i);
    if (fields.kind() == FieldKind::kText) return std::string(value);
    if (value == "null") return std::nullopt;
    if (!value.starts_with('"')) return std::string(value);
    std::string content;
    append_json_string_content(content, value);
    return content;
  }
  return std::nullopt;
}

std::optional<std::string> label_of(const Fields& fields, const std::string& label_column) {
  auto label = value_of(fields, label_column);
  if (!label || label->empty()) return std::nullopt;
  const bool is_compound = fields.kind() == FieldKind::kJson && (label->front() == '{' || label->front() == '[');
  if (!is_compound) return label;
  // A string may begin with a bracket too; only an object or array is no label.
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.name(i) == label_column && !fields.value(i).starts_with('"')) return std::nullopt;
  }
  return label;
}

Status check_column(const RecordReader& reader, const std::string& column, std::string hint) {
  const auto& columns = reader.columns();
  if (std::ranges::find(columns, column) != columns.end()) return {};
  const Error error =
      no_text_column(columns, column, reader.format() == InputFormat::kJsonl ? "field" : "column", reader.name());
  return fail(error.code(), error.where(), error.what(), std::move(hint));
}

Status check_label_column(const RecordReader& reader, const std::string& label_column) {
  if (reader.format() == InputFormat::kTxt) {
    return fail(ErrorCode::kInvalidArgument, reader.name(), "plain text carries no labels",
                "give a CSV, TSV or JSON Lines file with a label column");
  }
  VALENCE_TRY_STATUS(check_column(reader, label_column, "say which holds the labels with --label-column"));
  if (reader.text_column() == label_column) {
    return fail(ErrorCode::kInvalidArgument, "--label-column",
                fmt::format("\"{}\" is the column of the texts too", label_column));
  }
  return {};
}

std::string LabelMap::normalised(std::string_view label) const {
  std::string plain;
  for (std::string_view rest = trimmed(label); !rest.empty();) {
    const auto word_end = std::min(rest.find_first_of(" \t\r\n"), rest.size());
    if (!plain.empty()) plain += ' ';
    plain += rest.substr(0, word_end);
    rest = trimmed(rest.substr(word_end));
  }
  if (case_ == LabelCase::kKeep || find_invalid_utf8(plain)) return plain;
  std::string lower;
  for (std::size_t at = 0; at < plain.size();) {
    const DecodedCodePoint c = decode_utf8(plain, at);
    append_utf8(lower, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value))));
    at += c.size_bytes;
  }
  return lower;
}

Status LabelMap::add(std::string_view from, std::string to) {
  to = std::string(trimmed(to));
  const std::string key = normalised(from);
  if (key.empty() || to.empty()) {
    return fail(ErrorCode::kInvalidArgument, "", fmt::format("\"{}\" to \"{}\" maps no label to a label", from, to));
  }
  const auto [known, is_new] = to_.emplace(key, to);
  if (!is_new && known->second != to) {
    return fail(ErrorCode::kInvalidArgument, "",
                fmt::format("\"{}\" is mapped to \"{}\" and to \"{}\"", from, known->second, to));
  }
  if (to_.size() > kMaxLabelMapEntries) {
    return fail(ErrorCode::kInvalidArgument, "", fmt::format("maps more than {} labels", kMaxLabelMapEntries));
  }
  return {};
}

Status LabelMap::add_file(std::string_view text, const std::string& source) {
  if (trimmed(text).starts_with('{')) {
    VALENCE_TRY(const Json document, Json::parse(text, source));
    VALENCE_TRY(const auto members, document.members());
    for (const auto& [from, to] : members) {
      VALENCE_TRY(std::string word, to.as_string());
      if (const Status added = add(from, std::move(word)); !added) return fail(added.error().in(source));
    }
    return {};
  }
  std::size_t line = 0;
  while (!text.empty()) {
    ++line;
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view entry = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (entry.empty() || entry.starts_with('#')) continue;
    const auto equals = entry.find('=');
    const std::string place = fmt::format("{}:{}", source, line);
    if (equals == std::string_view::npos) {
      return fail(ErrorCode::kInvalidData, place, fmt::format("\"{}\" has no =", entry), "write from=to");
    }
    if (const Status added = add(entry.substr(0, equals), std::string(entry.substr(equals + 1))); !added) {
      return fail(added.error().in(place));
    }
  }
  return {};
}

std::string LabelMap::apply(std::string_view label) const {
  std::string plain = normalised(label);
  const auto mapped = to_.find(plain);
  return mapped == to_.end() ? plain : mapped->second;
}

}  // namespace valence::data
