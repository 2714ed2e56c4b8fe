#include "valence/data/csv_scanner.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "valence/data/row_parser.h"

namespace valence::data {
namespace {

/// First byte at or after `from` that is `delimiter`, CR or LF; bytes.size() if none. Sixteen bytes a step: cells are
/// short, so the set-up of a library call for each would cost more than the search.
std::size_t find_separator(std::string_view bytes, std::size_t from, char delimiter) {
  const __m128i delimiters = _mm_set1_epi8(delimiter);
  const __m128i crs = _mm_set1_epi8('\r');
  const __m128i lfs = _mm_set1_epi8('\n');
  for (; from + 16 <= bytes.size(); from += 16) {
    const __m128i chunk = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + from));
    const __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(chunk, delimiters),
                                      _mm_or_si128(_mm_cmpeq_epi8(chunk, crs), _mm_cmpeq_epi8(chunk, lfs)));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hits));
    if (mask != 0) return from + static_cast<std::size_t>(std::countr_zero(mask));
  }
  while (from < bytes.size() && bytes[from] != delimiter && bytes[from] != '\r' && bytes[from] != '\n') ++from;
  return from;
}

}  // namespace

void CsvScanner::reset() {
  state_ = State::kCellStart;
  is_done_ = false;
  position_ = 0;
  cells_.clear();
  has_quoted_cells_ = false;
  ended_in_open_cr_ = false;
}

CsvScanner::Outcome CsvScanner::scan(std::string_view bytes, bool at_end) {
  while (!is_done_) {
    Outcome outcome = Outcome::kRecord;
    switch (state_) {
      case State::kCellStart:
        outcome = scan_cell_start(bytes, at_end);
        break;
      case State::kPlain:
        outcome = scan_plain(bytes, at_end);
        break;
      case State::kQuoted:
        outcome = scan_quoted(bytes, at_end);
        break;
      case State::kAfterQuote:
        outcome = scan_after_quote(bytes, at_end);
        break;
    }
    if (outcome != Outcome::kRecord) return outcome;
  }
  return Outcome::kRecord;
}

CsvScanner::Outcome CsvScanner::scan_cell_start(std::string_view bytes, bool at_end) {
  if (cells_.size() == kMaxColumns) return Outcome::kTooManyCells;
  if (position_ > kMaxRecordBytes) return Outcome::kRecordTooLong;
  if (position_ == bytes.size() && !at_end) return Outcome::kNeedMore;
  cell_begin_ = position_;
  has_doubled_quotes_ = false;
  state_ = State::kPlain;
  if (position_ < bytes.size() && bytes[position_] == '"') {
    quote_ = position_;
    cell_begin_ = ++position_;
    has_quoted_cells_ = true;
    state_ = State::kQuoted;
  }
  return Outcome::kRecord;
}

CsvScanner::Outcome CsvScanner::scan_plain(std::string_view bytes, bool at_end) {
  position_ = find_separator(bytes, position_, delimiter_);
  if (position_ - cell_begin_ > kMaxFieldBytes) return Outcome::kCellTooLong;
  if (position_ == bytes.size() && !at_end) return Outcome::kNeedMore;
  end_at_separator(bytes, position_);
  return Outcome::kRecord;
}

CsvScanner::Outcome CsvScanner::scan_quoted(std::string_view bytes, bool at_end) {
  const void* quote = std::memchr(bytes.data() + position_, '"', bytes.size() - position_);
  position_ =
      quote == nullptr ? bytes.size() : static_cast<std::size_t>(static_cast<const char*>(quote) - bytes.data());
  if (position_ - cell_begin_ > kMaxFieldBytes) return Outcome::kCellTooLong;
  if (quote == nullptr) return at_end ? Outcome::kUnterminated : Outcome::kNeedMore;
  ++position_;
  state_ = State::kAfterQuote;
  return Outcome::kRecord;
}

CsvScanner::Outcome CsvScanner::scan_after_quote(std::string_view bytes, bool at_end) {
  if (position_ == bytes.size()) {
    if (!at_end) return Outcome::kNeedMore;
  } else if (bytes[position_] == '"') {
    has_doubled_quotes_ = true;
    ++position_;
    state_ = State::kQuoted;
    return Outcome::kRecord;
  } else if (bytes[position_] != delimiter_ && bytes[position_] != '\r' && bytes[position_] != '\n') {
    return Outcome::kTextAfterQuote;
  }
  end_at_separator(bytes, position_ - 1);
  return Outcome::kRecord;
}

void CsvScanner::end_at_separator(std::string_view bytes, std::size_t cell_end) {
  cells_.push_back({.begin = static_cast<std::uint32_t>(cell_begin_),
                    .end = static_cast<std::uint32_t>(cell_end),
                    .has_doubled_quotes = has_doubled_quotes_});
  state_ = State::kCellStart;
  content_bytes_ = position_;
  if (position_ == bytes.size()) {
    is_done_ = true;
    return;
  }
  const char separator = bytes[position_++];
  if (separator == delimiter_) return;
  is_done_ = true;
  if (separator != '\r') return;
  if (position_ == bytes.size()) {
    ended_in_open_cr_ = true;
  } else if (bytes[position_] == '\n') {
    ++position_;
  }
}

std::uint64_t count_line_ends(std::string_view bytes) {
  auto count = static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  for (auto cr = bytes.find('\r'); cr != std::string_view::npos; cr = bytes.find('\r', cr + 1)) {
    if (cr + 1 == bytes.size() || bytes[cr + 1] != '\n') ++count;
  }
  return count;
}

std::size_t end_of_line(std::string_view bytes, std::size_t from) {
  // '\n' as the delimiter: only line ends are looked for.
  const std::size_t end = find_separator(bytes, from, '\n');
  if (end == bytes.size()) return std::string_view::npos;
  return bytes[end] == '\r' && end + 1 < bytes.size() && bytes[end + 1] == '\n' ? end + 2 : end + 1;
}

}  // namespace valence::data
