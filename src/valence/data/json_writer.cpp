#include "valence/data/json_writer.h"

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/data/shown_text.h"

namespace valence::data {
namespace {

/// `text` as a JSON string. A row that was refused for invalid UTF-8 still carries it; JSON has no way to say such
/// bytes.
void append_text(std::string& out, std::string_view text) {
  if (find_invalid_utf8(text)) {
    append_json_string(out, repaired_utf8(text));
  } else {
    append_json_string(out, text);
  }
}

void append_label_score(std::string& out, const LabelScore& ranked) {
  out += "{\"label\": ";
  append_text(out, ranked.label);
  out += ", \"score\": ";
  append_json_float(out, ranked.score);
  out += '}';
}

std::vector<std::string_view> names_of(const Fields& fields) {
  std::vector<std::string_view> names;
  names.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) names.push_back(fields.name(i));
  return names;
}

}  // namespace

void append_scores_json(std::string& out, std::span<const LabelScore> scores) {
  out += '[';
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (i > 0) out += ", ";
    append_label_score(out, scores[i]);
  }
  out += ']';
}

void append_entities_json(std::string& out, std::span<const EntityView> entities) {
  out += '[';
  for (std::size_t i = 0; i < entities.size(); ++i) {
    const EntityView& entity = entities[i];
    out += i > 0 ? ", {" : "{";
    out += entity.index >= 0 ? "\"entity\": " : "\"entity_group\": ";
    append_text(out, entity.label);
    out += ", \"score\": ";
    append_json_float(out, entity.score);
    if (entity.index >= 0) out += ", \"index\": " + std::to_string(entity.index);
    out += ", \"word\": ";
    append_text(out, entity.word);
    out += ", \"start\": " + std::to_string(entity.start) + ", \"end\": " + std::to_string(entity.end) + '}';
  }
  out += ']';
}

Status JsonlWriter::write(const ResultRowView& row) {
  std::string& out = sink_.buffer();
  const std::size_t begin = out.size();
  out += '{';
  if (row.carried != nullptr) append_carried(out, *row.carried);
  if (row.best) {
    out += "\"label\": ";
    append_text(out, row.best->label);
    out += ", \"score\": ";
    append_json_float(out, row.best->score);
    out += ", ";
  }
  if (!row.scores.empty()) {
    out += "\"scores\": ";
    append_scores_json(out, row.scores);
    out += ", ";
  }
  if (has_entities_ && !records_only_ && row.error.empty()) {
    out += "\"entities\": ";
    append_entities_json(out, row.entities);
    out += ", ";
  }
  if (row.truncated) out += "\"truncated\": true, ";
  if (!row.error.empty()) {
    out += "\"error\": ";
    append_text(out, row.error);
    out += ", ";
  }
  if (out.size() > begin + 1) out.resize(out.size() - 2);  // the last comma
  out += "}\n";
  if (to_terminal_) escape_for_terminal(out, begin);
  return sink_.end_record();
}

std::string JsonlWriter::written_name(std::string_view name, std::span<const std::string_view> all_names) const {
  return records_only_ ? std::string(name) : output_name(name, all_names);
}

void JsonlWriter::append_carried(std::string& out, const Fields& carried) {
  if (carried.kind() == FieldKind::kJson) {
    const auto names = names_of(carried);
    for (std::size_t i = 0; i < carried.size(); ++i) {
      append_text(out, written_name(names[i], names));
      out += ": ";
      out += carried.value(i);
      out += ", ";
    }
    return;
  }
  if (carried.columns() && carried.columns() != known_columns_) {
    known_columns_ = carried.columns();
    keys_.clear();
    const std::vector<std::string_view> names(known_columns_->begin(), known_columns_->end());
    for (const auto name : names) {
      append_text(keys_.emplace_back(), written_name(name, names));
      keys_.back() += ": ";
    }
  }
  for (std::size_t i = 0; i < carried.size(); ++i) {
    out += keys_[i];
    append_text(out, carried.value(i));
    out += ", ";
  }
}

Status JsonWriter::write(const ResultRowView& row) {
  std::string& out = sink_.buffer();
  out += has_rows_ ? ",\n" : "[";
  has_rows_ = true;
  if (!row.error.empty()) {
    out += "{\"error\": ";
    append_text(out, row.error);
    out += '}';
  } else if (has_entities_) {
    append_entities_json(out, row.entities);
  } else if (has_scores_) {
    append_scores_json(out, row.scores);
  } else if (row.best) {
    append_label_score(out, *row.best);
  } else {
    out += "{}";
  }
  return sink_.end_record();
}

Status JsonWriter::finish() { return sink_.finish_with(has_rows_ ? "]\n" : "[]\n"); }

}  // namespace valence::data
