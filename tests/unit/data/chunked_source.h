/// \file
/// A string as a source of bytes that come in pieces of a chosen size, and what reading it to the end gives.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "valence/data/byte_source.h"
#include "valence/data/record_reader.h"

namespace valence::testing {

class ChunkedSource : public data::ByteSource {
 public:
  explicit ChunkedSource(std::string bytes, std::size_t chunk_bytes = std::size_t{1} << 20)
      : bytes_(std::move(bytes)), chunk_bytes_(chunk_bytes) {}

  Result<data::ReadOutcome> read(std::span<char> buffer, data::Wait) override {
    const std::size_t size = std::min({buffer.size(), chunk_bytes_, bytes_.size() - given_});
    if (size == 0) return data::ReadOutcome{data::ReadState::kEnd};
    std::memcpy(buffer.data(), bytes_.data() + given_, size);
    given_ += size;
    return data::ReadOutcome{data::ReadState::kData, size};
  }
  [[nodiscard]] std::uint64_t bytes_read() const override { return given_; }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t chunk_bytes_;
  std::size_t given_ = 0;
};

/// Everything an input gave: its rows, and the error that ended it, if one did.
struct ReadInput {
  std::vector<std::string> columns;
  std::string text_column;
  std::vector<data::Row> rows;
  std::optional<Error> error;
};

inline ReadInput read_all(std::unique_ptr<data::ByteSource> source, const std::string& name,
                          const data::ReaderOptions& options = {}, const data::WindowLimits& limits = {}) {
  ReadInput input;
  auto reader = data::RecordReader::open(std::move(source), name, options);
  if (!reader) {
    input.error = reader.error();
    return input;
  }
  while (true) {
    const auto state = (*reader)->next(input.rows, limits);
    if (!state) input.error = state.error();
    if (!state || *state == data::ReaderState::kEnd) break;
  }
  input.columns = (*reader)->columns();
  input.text_column = (*reader)->text_column();
  return input;
}

inline ReadInput read_all(std::string bytes, const std::string& name, const data::ReaderOptions& options = {},
                          std::size_t chunk_bytes = std::size_t{1} << 20) {
  return read_all(std::make_unique<ChunkedSource>(std::move(bytes), chunk_bytes), name, options);
}

/// The texts of the rows, and for a row that was refused "line N: what".
inline std::vector<std::string> texts_of(const ReadInput& input) {
  std::vector<std::string> texts;
  for (const auto& row : input.rows) {
    texts.push_back(row ? row->text : "line " + std::to_string(row.error().line) + ": " + row.error().error.what());
  }
  return texts;
}

/// "name=value|name=value" of the fields that a row carries.
inline std::string carried_of(const data::Row& row) {
  const data::Fields& fields = row ? row->carried : row.error().carried;
  std::string joined;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) joined += '|';
    joined += std::string(fields.name(i)) + "=" + std::string(fields.value(i));
  }
  return joined;
}

/// All of a row in one string, for comparing two ways of reading.
inline std::string described(const data::Row& row) {
  const std::string carried = carried_of(row);
  if (row) {
    return std::to_string(row->row) + "@" + std::to_string(row->line) + " " + row->text + " {" + carried + "}";
  }
  const auto& bad = row.error();
  return std::to_string(bad.row) + "@" + std::to_string(bad.line) + " " + bad.error.to_string() + " {" + carried + "}";
}

}  // namespace valence::testing
