#include "valence/data/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/data/csv_parser.h"
#include "valence/data/decompress.h"
#include "valence/data/input_buffer.h"
#include "valence/data/jsonl_parser.h"
#include "valence/data/row_parser.h"
#include "valence/data/txt_parser.h"

namespace valence::data {
namespace {

std::unique_ptr<RowParser> make_parser(InputFormat format, InputDescription input, const ReaderOptions& options) {
  switch (format) {
    case InputFormat::kCsv:
      if (!options.delimiter && options.detect_delimiter) return CsvParser::detecting(std::move(input));
      return std::make_unique<CsvParser>(std::move(input), options.delimiter.value_or(','));
    case InputFormat::kTsv:
      return std::make_unique<CsvParser>(std::move(input), '\t');
    case InputFormat::kJsonl:
      return std::make_unique<JsonlParser>(std::move(input));
    case InputFormat::kTxt:
      return std::make_unique<TxtParser>(std::move(input));
  }
  return nullptr;
}

Result<InputFormat> format_of(const std::string& name, const ReaderOptions& options) {
  if (options.format) return *options.format;
  if (name == shown_name("-")) return InputFormat::kTxt;
  if (const auto format = input_format_of(name)) return *format;
  return fail(ErrorCode::kInvalidArgument, name, "its suffix tells no format (.csv .tsv .jsonl .ndjson .txt)",
              "say it with --input-format");
}

std::size_t size_bytes_of(const Row& row) {
  return row ? row->text.size() + (row->pair ? row->pair->size() : 0) + row->carried.size_bytes()
             : row.error().carried.size_bytes();
}

}  // namespace

RecordReader::RecordReader(std::string name, InputFormat format, std::unique_ptr<InputBuffer> input,
                           std::unique_ptr<RowParser> parser)
    : name_(std::move(name)), format_(format), input_(std::move(input)), parser_(std::move(parser)) {}

RecordReader::~RecordReader() = default;

Result<std::unique_ptr<RecordReader>> RecordReader::open(const std::string& path, const ReaderOptions& options) {
  // A missing file is the better thing to hear of before its suffix.
  VALENCE_TRY(auto source, open_byte_source(path, options.stop));
  return open(std::move(source), shown_name(path), options);
}

Result<std::unique_ptr<RecordReader>> RecordReader::open(std::unique_ptr<ByteSource> source, const std::string& name,
                                                         const ReaderOptions& options) {
  VALENCE_TRY(const InputFormat format, format_of(name, options));
  VALENCE_TRY(auto expanded, expand_if_compressed(std::move(source), name));
  VALENCE_TRY(auto decoded, decode_to_utf8(std::move(expanded), options.encoding, name));
  auto input = std::make_unique<InputBuffer>(std::move(decoded));
  auto parser = make_parser(format,
                            {.name = name,
                             .encoding = options.encoding,
                             .text_column = options.text_column,
                             .text_pair_column = options.text_pair_column,
                             .without_text = options.without_text},
                            options);
  VALENCE_TRY_STATUS(parser->open(*input));
  return std::unique_ptr<RecordReader>(new RecordReader(name, format, std::move(input), std::move(parser)));
}

Result<ReaderState> RecordReader::next(std::vector<Row>& out, const WindowLimits& limits) {
  if (pending_error_) return fail(*pending_error_);
  std::size_t records = 0;
  std::size_t bytes = 0;
  const auto give_later = [&](Error error) -> Result<ReaderState> {
    pending_error_ = std::move(error);
    return records == 0 ? Result<ReaderState>(fail(*pending_error_)) : ReaderState::kMore;
  };
  while (records < limits.max_records && bytes < limits.max_bytes) {
    auto row = parser_->parse(*input_);
    if (!row) return give_later(std::move(row).error());
    if (*row) {
      bytes += size_bytes_of(**row);
      ++records;
      out.push_back(std::move(**row));
      continue;
    }
    if (input_->at_end()) return ReaderState::kEnd;
    const auto state = input_->fill(records == 0 ? Wait::kYes : Wait::kNo);
    if (!state) return give_later(state.error());
    if (*state == ReadState::kWouldBlock) return ReaderState::kMore;
  }
  return ReaderState::kMore;
}

Result<std::uint64_t> RecordReader::skip_records(std::uint64_t count) {
  std::vector<Row> rows;
  std::uint64_t skipped = 0;
  while (skipped < count) {
    rows.clear();
    VALENCE_TRY(const ReaderState state,
                next(rows, {.max_records = static_cast<std::size_t>(std::min<std::uint64_t>(count - skipped, 4096))}));
    skipped += rows.size();
    if (state == ReaderState::kEnd) break;
  }
  return skipped;
}

const std::vector<std::string>& RecordReader::columns() const { return parser_->columns(); }
std::optional<char> RecordReader::delimiter() const { return parser_->delimiter(); }
const std::string& RecordReader::text_column() const { return parser_->text_column(); }
std::uint64_t RecordReader::bytes_read() const { return input_->source().bytes_read(); }
std::optional<std::uint64_t> RecordReader::size_bytes() const { return input_->source().size_bytes(); }

}  // namespace valence::data
