#include "valence/data/cleaning.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/data/json_slice.h"

namespace valence::data {
namespace {

constexpr std::array<std::string_view, kDropReasons> kNames = {
    "unreadable",    "invalid_text",  "too_few_cells", "too_many_cells", "missing_text",
    "missing_label", "missing_value", "unknown_label", "duplicate",      "near_duplicate"};

DropReason reason_of(RowProblem problem) {
  switch (problem) {
    case RowProblem::kUnreadable:
      return DropReason::kUnreadable;
    case RowProblem::kTooFewCells:
      return DropReason::kTooFewCells;
    case RowProblem::kTooManyCells:
      return DropReason::kTooManyCells;
    case RowProblem::kInvalidText:
      return DropReason::kInvalidText;
    case RowProblem::kNoText:
      return DropReason::kMissingText;
  }
  return DropReason::kUnreadable;
}

/// Lengths stand before values, so that no two lists of fields give the same bytes.
void append_for_hash(std::string& bytes, std::string_view value) {
  const auto size = static_cast<std::uint32_t>(value.size());
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(size >> shift & 0xFFU);
  bytes += value;
}

/// A JSON value that says nothing: null, an empty string, a string of a missing word.
bool is_missing_json(std::string_view raw, const MissingValues& missing) {
  if (raw == "null") return true;
  if (!raw.starts_with('"')) return false;
  std::string content;
  append_json_string_content(content, raw);
  return missing.contains(content);
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// `value` as the field's kind has it.
std::string encoded(FieldKind kind, std::string_view value) {
  if (kind == FieldKind::kText) return std::string(value);
  std::string json;
  append_json_string(json, value);
  return json;
}

}  // namespace

std::string_view name_of(DropReason reason) { return kNames[static_cast<std::size_t>(reason)]; }

bool CleanRow::is_changed() const {
  return label_before.has_value() || !(traits & TextTraits::all_repairable()).empty() ||
         std::ranges::any_of(redacted, [](std::uint32_t count) { return count > 0; });
}

Cleaner::Cleaner(CleaningOptions options) : options_(std::move(options)) {
  written_columns_ =
      std::make_shared<const std::vector<std::string>>(options_.keep.empty() ? options_.columns : options_.keep);
  for (const std::string& column : options_.keep) kept_.push_back(index_of(column).value_or(0));
  text_index_ = index_of(options_.text_column);
  if (options_.label_column) label_index_ = index_of(*options_.label_column);
  if (options_.id_column) id_index_ = index_of(*options_.id_column);
}

std::optional<std::uint32_t> Cleaner::index_of(std::string_view column) const {
  const auto found = std::ranges::find(options_.columns, column);
  if (found == options_.columns.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - options_.columns.begin());
}

CleanRow Cleaner::clean(Row&& row) const {
  CleanRow clean;
  if (!row) {
    RowError& error = row.error();
    clean.row = error.row;
    clean.line = error.line;
    clean.dropped = reason_of(error.problem);
    clean.detail = error.error.what();
    examine(error.carried, clean);
    const auto text = value_of(error.carried, options_.text_column);
    if (text && !find_invalid_utf8(*text)) clean_text(*text, clean);
    return clean;
  }
  clean.row = row->row;
  clean.line = row->line;
  clean.input = row->input;
  examine(row->carried, clean);
  clean_text(std::move(row->text), clean);
  clean_label(row->carried, clean);
  drop_by_values(clean);
  if (clean.dropped) return clean;
  hash_key(row->carried, clean);
  if (options_.with_sketch) clean.sketch = sketch_of(clean.text);
  write_fields(std::move(row->carried), clean);
  return clean;
}

void Cleaner::examine(const Fields& fields, CleanRow& clean) const {
  if (fields.empty()) return;
  thread_local std::string bytes;
  bytes.clear();
  std::pair<std::size_t, std::size_t> id_bytes{0, 0};
  const bool is_json = fields.kind() == FieldKind::kJson;
  std::uint32_t expected = 0;  // members of JSON mostly come in the header's order
  std::vector<bool> is_there(is_json ? options_.columns.size() : 0);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string_view value = fields.value(i);
    std::optional<std::uint32_t> column = static_cast<std::uint32_t>(i);
    if (is_json) {
      const bool is_next = expected < options_.columns.size() && options_.columns[expected] == fields.name(i);
      column = is_next ? std::optional(expected) : index_of(fields.name(i));
      if (column) {
        expected = *column + 1;
        is_there[*column] = true;
      }
    }
    const std::size_t begin = bytes.size();
    if (is_json) append_for_hash(bytes, fields.name(i));
    append_for_hash(bytes, value);
    if (id_index_ && column == id_index_) id_bytes = {begin, bytes.size() - begin};
    if (column && (is_json ? is_missing_json(value, options_.missing) : options_.missing.contains(value))) {
      clean.missing.push_back(*column);
    }
  }
  if (is_json) {
    for (std::uint32_t column = 0; column < is_there.size(); ++column) {
      if (!is_there[column]) clean.missing.push_back(column);
    }
    std::ranges::sort(clean.missing);
  }
  clean.record_hash = siphash64(bytes, key_);
  bytes.erase(id_bytes.first, id_bytes.second);
  clean.hash_without_id = siphash64(bytes, key_);
}

void Cleaner::clean_text(std::string text, CleanRow& clean) const {
  clean.text_chars = count_code_points(text);
  clean.traits = repair_text(text, options_.repair);
  if (std::ranges::any_of(options_.redact, std::identity())) clean.redacted = redact(text, options_.redact);
  clean.text = std::move(text);
}

void Cleaner::clean_label(const Fields& fields, CleanRow& clean) const {
  if (!options_.label_column) return;
  auto label = label_of(fields, *options_.label_column);
  if (!label || options_.missing.contains(*label)) return;
  std::string written = options_.labels.apply(*label);
  if (written != *label) clean.label_before = std::move(label);
  clean.label = std::move(written);
}

void Cleaner::drop_by_values(CleanRow& clean) const {
  const auto is_required = [this](const std::string& column) {
    return std::ranges::find(options_.required, column) != options_.required.end();
  };
  const auto is_missing = [&clean](std::uint32_t column) { return std::ranges::binary_search(clean.missing, column); };
  if (is_required(options_.text_column) && options_.missing.contains(clean.text)) {
    clean.dropped = DropReason::kMissingText;
    return;
  }
  if (options_.label_column && is_required(*options_.label_column) && !clean.label) {
    clean.dropped = DropReason::kMissingLabel;
    return;
  }
  for (const std::string& column : options_.required) {
    const auto index = index_of(column);
    if (column == options_.text_column || column == options_.label_column || !index || !is_missing(*index)) continue;
    clean.dropped = DropReason::kMissingValue;
    clean.detail = fmt::format("no {}", column);
    return;
  }
  const auto& allowed = options_.allowed_labels;
  if (clean.label && !allowed.empty() && std::ranges::find(allowed, *clean.label) == allowed.end()) {
    clean.dropped = DropReason::kUnknownLabel;
    clean.detail = fmt::format("label {}", in_quotes(*clean.label));
  }
}

void Cleaner::hash_key(const Fields& fields, CleanRow& clean) const {
  if (options_.duplicate_columns.empty()) return;
  thread_local std::string bytes;
  bytes.clear();
  for (const std::string& column : options_.duplicate_columns) {
    if (column == options_.text_column) {
      append_for_hash(bytes, clean.text);
    } else if (column == options_.label_column) {
      append_for_hash(bytes, clean.label.value_or(""));
    } else {
      append_for_hash(bytes, value_of(fields, column).value_or(""));
    }
  }
  clean.duplicate_key = siphash128(bytes, key_);
}

void Cleaner::write_fields(Fields&& fields, CleanRow& clean) const {
  if (options_.keep.empty() && !clean.is_changed()) {
    clean.fields = std::move(fields);
    return;
  }
  const bool is_json = fields.kind() == FieldKind::kJson;
  Fields written = is_json ? Fields::of_json_members() : Fields(written_columns_);
  written.reserve(fields.size(), fields.size_bytes() + clean.text.size());
  const auto add = [&](std::size_t i) {
    const std::string_view name = fields.name(i);
    std::string replaced;
    std::string_view value = fields.value(i);
    if (name == options_.text_column) {
      value = replaced = encoded(fields.kind(), clean.text);
    } else if (clean.label_before && name == options_.label_column) {
      value = replaced = encoded(fields.kind(), *clean.label);
    }
    if (is_json) {
      written.add_member(name, value);
    } else {
      written.add_cell(value);
    }
  };
  if (options_.keep.empty()) {
    for (std::size_t i = 0; i < fields.size(); ++i) add(i);
  } else if (!is_json) {
    for (const std::uint32_t index : kept_) add(index);
  } else {
    for (const std::string& column : options_.keep) {
      for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields.name(i) == column) add(i);
      }
    }
  }
  clean.fields = std::move(written);
}

}  // namespace valence::data
