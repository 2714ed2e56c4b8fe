/// \file
/// Results for a person at a terminal: aligned columns, one line a row, nothing that moves the cursor.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "valence/data/writer.h"

namespace valence::data {

/// `label  score  bar  text`: the text comes last and is cut to the width, so that rows align without being known
/// beforehand. Further ranked labels follow on lines of their own.
class TableWriter : public Writer {
 public:
  TableWriter(const OutputSchema& schema, OutputSink& sink, const WriterOptions& options);

  Status write(const ResultRowView& row) override;
  Status finish() override { return sink_.flush(); }

 private:
  void append_line(std::string_view label, std::string_view score_and_bar, std::string_view text, bool is_truncated);
  [[nodiscard]] std::string score_and_bar(float score) const;

  OutputSink& sink_;
  std::size_t label_width_;
  std::size_t width_;
  bool unicode_;
  bool has_entities_ = false;
  bool has_header_ = false;
};

}  // namespace valence::data
