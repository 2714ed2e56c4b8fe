#include "valence/server/chunked_body.h"

#include <algorithm>
#include <charconv>

namespace valence::server {

std::size_t ChunkedBody::feed(std::string_view bytes, std::string& out) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ != State::kDone && error_ == nullptr) {
    if (state_ == State::kData) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(data_left_, bytes.size() - taken));
      out.append(bytes.substr(taken, size));
      taken += size;
      data_left_ -= size;
      if (data_left_ == 0) state_ = State::kDataEnd;
    } else {
      take_line_byte(bytes[taken++]);
    }
  }
  return taken;
}

void ChunkedBody::take_line_byte(char byte) {
  if (after_cr_) {
    after_cr_ = false;
    return byte == '\n' ? end_line() : fail("a line of a chunk ends in CR without LF");
  }
  if (byte == '\r') {
    after_cr_ = true;
    return;
  }
  if (byte == '\n') return fail("a line of a chunk ends in LF without CR");
  if (state_ == State::kDataEnd) return fail("a chunk is longer than it says");
  const auto code = static_cast<unsigned char>(byte);
  if ((code < 0x20 && byte != '\t') || code == 0x7F) return fail("the line of a chunk holds a control character");
  line_ += byte;
  if (line_.size() + trailer_bytes_ > kLineBytes) fail("the line of a chunk is too long");
}

void ChunkedBody::end_line() {
  switch (state_) {
    case State::kSizeLine:
      return end_size_line();
    case State::kDataEnd:
      state_ = State::kSizeLine;
      return;
    case State::kTrailer:
      if (line_.empty()) state_ = State::kDone;
      trailer_bytes_ += line_.size();
      line_.clear();
      return;
    case State::kData:
    case State::kDone:
      return;
  }
}

void ChunkedBody::end_size_line() {
  constexpr std::size_t kMostDigits = 16;
  const std::string_view digits = std::string_view(line_).substr(0, line_.find(';'));
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), data_left_, 16);
  const bool is_number = wrong == std::errc() && end == digits.data() + digits.size() && digits.size() <= kMostDigits;
  if (!is_number || digits.starts_with('-')) return fail("the size of a chunk is no hexadecimal number");
  line_.clear();
  state_ = data_left_ == 0 ? State::kTrailer : State::kData;
}

}  // namespace valence::server
