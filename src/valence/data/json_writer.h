/// \file
/// Results as JSON Lines, and as the array that the Hugging Face pipeline prints.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/data/writer.h"

namespace valence::data {

/// `[{"label": "positive", "score": 0.9}, ...]`, spaced as Python's json.dumps does.
void append_scores_json(std::string& out, std::span<const LabelScore> scores);
/// [{"entity_group": "PER", "score": 0.99, "word": "Anna", "start": 0, "end": 4}], or with "entity" and "index".
void append_entities_json(std::string& out, std::span<const EntityView> entities);

/// An object a line: carried members byte-exact (CSV cells as strings), then the result.
class JsonlWriter : public Writer {
 public:
  JsonlWriter(const OutputSchema& schema, OutputSink& sink, const WriterOptions& options)
      : sink_(sink),
        has_entities_(schema.has_entities),
        records_only_(schema.records_only),
        to_terminal_(options.to_terminal) {}

  Status write(const ResultRowView& row) override;
  Status finish() override { return sink_.flush(); }

 private:
  void append_carried(std::string& out, const Fields& carried);
  [[nodiscard]] std::string written_name(std::string_view name, std::span<const std::string_view> all_names) const;

  OutputSink& sink_;
  bool has_entities_;
  bool records_only_;
  bool to_terminal_;
  std::shared_ptr<const std::vector<std::string>> known_columns_;  // whose output names are in keys_
  std::vector<std::string> keys_;                                  // as JSON, with ": " behind
};

/// One array over all rows: of {"label", "score"}, or of lists of them where the schema has scores. The opening bracket
/// comes with the first row and each comma before its row, so that the output can be cut behind any row and continued.
class JsonWriter : public Writer {
 public:
  JsonWriter(const OutputSchema& schema, OutputSink& sink, const WriterOptions& options)
      : sink_(sink), has_scores_(schema.has_scores), has_entities_(schema.has_entities), has_rows_(options.appending) {}

  Status write(const ResultRowView& row) override;
  Status finish() override;

 private:
  OutputSink& sink_;
  bool has_scores_;
  bool has_entities_;
  bool has_rows_;
};

}  // namespace valence::data
