/// \file
/// A file of labelled rows as texts and label ids, for commands that compare answers with the truth.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/record_reader.h"

namespace valence::pipeline {

struct LabelledTexts {
  std::string file;  ///< how messages name it
  std::vector<std::string> texts;
  std::vector<std::int32_t> truth;   ///< label ids, one a text
  std::vector<std::uint64_t> lines;  ///< of the file, one a text
  std::vector<Error> failed;         ///< rows that cannot be read or carry no label, with their place
  std::vector<std::string> unseen;   ///< labels of the model that no row carries

  /// "dev.csv:17"
  [[nodiscard]] std::string place(std::size_t index) const;
};

/// The rows of a file with their labels as they stand.
struct LabelledRows {
  std::string file;
  std::vector<std::string> texts;
  std::vector<std::string> pairs;    ///< the second texts, or none where the reader looks for none
  std::vector<std::string> labels;   ///< one a text, not empty
  std::vector<std::uint64_t> lines;  ///< of the file, one a text
  std::vector<Error> failed;         ///< as LabelledTexts::failed
};

inline constexpr const char* kUsualLabelColumn = "label";

/// All rows of `path`, in memory. Errors: what RecordReader::open refuses, no column `label_column` (the error lists
/// those there are), no row.
Result<LabelledRows> read_labelled_rows(const std::string& path, const data::ReaderOptions& options,
                                        const std::string& label_column);

/// All rows of `path`, in memory. Errors: what RecordReader::open refuses, no column `label_column` (the error lists
/// those there are), no row, labels that `model_labels` does not have (lists both sides).
Result<LabelledTexts> read_labelled_texts(const std::string& path, const data::ReaderOptions& options,
                                          const std::string& label_column, std::span<const std::string> model_labels);

}  // namespace valence::pipeline
