/// \file
/// Where records come from, and the two sources of the command line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/record_reader.h"

namespace valence::pipeline {

struct SourceProgress {
  std::uint64_t bytes_read = 0;
  std::optional<std::uint64_t> bytes_total;  ///< absent when a part of the input is a pipe
};

/// A stream of rows. Not thread-safe: one thread reads. Record::input of its rows lives as long as the source.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  /// As data::RecordReader::next.
  virtual Result<data::ReaderState> next(std::vector<data::Row>& out, const data::WindowLimits& limits) = 0;
  /// Reads past `count` rows that an earlier run has dealt with; returns how many there were.
  virtual Result<std::uint64_t> skip(std::uint64_t count) = 0;
  /// The columns of a csv or tsv output.
  [[nodiscard]] virtual std::vector<std::string> columns() const = 0;
  [[nodiscard]] virtual SourceProgress progress() const = 0;
  /// The file that is being read; null where there is none.
  [[nodiscard]] virtual const data::RecordReader* reader() const { return nullptr; }
};

/// Files one after another ("-" is standard input). The first is opened here, so that a missing file or column is known
/// before a model is loaded; the others when their turn comes. With `same_columns` (csv and tsv output) a later file
/// whose columns differ is an error.
Result<std::unique_ptr<Source>> open_files(std::vector<std::string> paths, const data::ReaderOptions& options,
                                           bool same_columns);

/// Literal texts; `pairs` holds the second text of each, or nothing.
std::unique_ptr<Source> source_of_texts(std::vector<std::string> texts, std::vector<std::string> pairs = {});

}  // namespace valence::pipeline
