#include "valence/pipeline/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "valence/base/utf8.h"
#include "valence/data/writer.h"

namespace valence::pipeline {
namespace {

using data::ReaderState;
using data::RecordReader;

class FileSource final : public Source {
 public:
  FileSource(std::vector<std::string> paths, const data::ReaderOptions& options, bool same_columns,
             std::unique_ptr<RecordReader> first)
      : paths_(std::move(paths)),
        options_(options),
        same_columns_(same_columns),
        reader_(std::move(first)),
        columns_(reader_->columns()) {
    names_.reserve(paths_.size());
    for (const std::string& path : paths_) names_.push_back(data::shown_name(path));
    bytes_total_ = 0;
    for (const std::string& path : paths_) {
      std::error_code ignored;
      const bool regular = path != "-" && std::filesystem::is_regular_file(path, ignored);
      const auto size = regular ? std::filesystem::file_size(path, ignored) : 0;
      if (!regular || ignored) {
        bytes_total_.reset();
        break;
      }
      *bytes_total_ += size;
    }
  }

  Result<ReaderState> next(std::vector<data::Row>& out, const data::WindowLimits& limits) override {
    // The next file is opened by the call after the one that ended the last: it may be a pipe that makes us wait, and
    // the rows before it should not.
    if (reader_ended_) {
      VALENCE_TRY_STATUS(open_next());
      reader_ended_ = false;
    }
    const std::size_t before = out.size();
    VALENCE_TRY(const ReaderState state, reader_->next(out, limits));
    for (std::size_t i = before; i < out.size(); ++i) {
      if (out[i]) out[i]->input = names_[current_];
    }
    reader_ended_ = state == ReaderState::kEnd;
    return reader_ended_ && current_ + 1 < paths_.size() ? ReaderState::kMore : state;
  }

  Result<std::uint64_t> skip(std::uint64_t count) override {
    std::uint64_t skipped = 0;
    while (true) {
      VALENCE_TRY(const std::uint64_t here, reader_->skip_records(count - skipped));
      skipped += here;
      if (skipped == count || current_ + 1 == paths_.size()) return skipped;
      VALENCE_TRY_STATUS(open_next());
    }
  }

  [[nodiscard]] std::vector<std::string> columns() const override { return columns_; }
  [[nodiscard]] SourceProgress progress() const override {
    return {.bytes_read = bytes_of_finished_ + reader_->bytes_read(), .bytes_total = bytes_total_};
  }
  [[nodiscard]] const RecordReader* reader() const override { return reader_.get(); }

 private:
  Status open_next() {
    bytes_of_finished_ += reader_->bytes_read();
    ++current_;
    VALENCE_TRY(reader_, RecordReader::open(paths_[current_], options_));
    return same_columns_ ? data::check_same_columns(columns_, reader_->columns(), reader_->name()) : Status{};
  }

  std::vector<std::string> paths_;
  std::vector<std::string> names_;  // how messages call them; records point here
  data::ReaderOptions options_;
  bool same_columns_;
  std::size_t current_ = 0;
  bool reader_ended_ = false;
  std::unique_ptr<RecordReader> reader_;
  std::vector<std::string> columns_;
  std::uint64_t bytes_of_finished_ = 0;
  std::optional<std::uint64_t> bytes_total_;
};

/// What messages call the texts of the command line.
constexpr std::string_view kLiteral = "--text";

class TextSource final : public Source {
 public:
  TextSource(std::vector<std::string> texts, std::vector<std::string> pairs)
      : texts_(std::move(texts)), pairs_(std::move(pairs)) {}

  Result<ReaderState> next(std::vector<data::Row>& out, const data::WindowLimits& limits) override {
    for (std::size_t added = 0; next_ < texts_.size() && added < limits.max_records; ++added) {
      out.push_back(row(next_++));
    }
    return next_ == texts_.size() ? ReaderState::kEnd : ReaderState::kMore;
  }
  Result<std::uint64_t> skip(std::uint64_t count) override {
    const std::uint64_t skipped = std::min<std::uint64_t>(count, texts_.size() - next_);
    next_ += skipped;
    return skipped;
  }
  [[nodiscard]] std::vector<std::string> columns() const override {
    return pairs_.empty() ? std::vector<std::string>{"text"} : std::vector<std::string>{"text", "text_pair"};
  }
  [[nodiscard]] SourceProgress progress() const override { return {}; }

 private:
  [[nodiscard]] data::Row row(std::size_t index) const {
    const std::uint64_t number = index + 1;
    // The shell hands over bytes; an argument in another encoding must not reach the output as broken JSON.
    auto bad = find_invalid_utf8(texts_[index]);
    if (!bad && !pairs_.empty()) bad = find_invalid_utf8(pairs_[index]);
    if (bad) {
      return tl::unexpected(
          data::RowError{.row = number,
                         .line = number,
                         .error = Error(ErrorCode::kInvalidData, fmt::format("{}:{}", kLiteral, number),
                                        "invalid UTF-8 at byte " + std::to_string(*bad)),
                         .carried = {}});
    }
    data::Record record =
        data::record_of_text(number, texts_[index], pairs_.empty() ? std::nullopt : std::optional(pairs_[index]));
    record.input = kLiteral;
    return record;
  }

  std::vector<std::string> texts_;
  std::vector<std::string> pairs_;  // as many, or none
  std::size_t next_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_files(std::vector<std::string> paths, const data::ReaderOptions& options,
                                           bool same_columns) {
  VALENCE_TRY(auto first, RecordReader::open(paths.front(), options));
  return std::unique_ptr<Source>(
      std::make_unique<FileSource>(std::move(paths), options, same_columns, std::move(first)));
}

std::unique_ptr<Source> source_of_texts(std::vector<std::string> texts, std::vector<std::string> pairs) {
  return std::make_unique<TextSource>(std::move(texts), std::move(pairs));
}

}  // namespace valence::pipeline
