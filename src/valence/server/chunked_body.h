/// \file
/// The chunked transfer coding of a request's body, strictly (RFC 9112, section 7.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace valence::server {

/// Takes bytes in pieces of any size; how they are cut makes no difference. Refused are sizes that are no plain
/// hexadecimal number of up to 16 digits, lines that do not end in CRLF, control characters in them, and more than
/// kLineBytes of them: of one chunk's line, or of all trailer fields together. Extensions and trailers are ignored.
class ChunkedBody {
 public:
  static constexpr std::size_t kLineBytes = 1024;

  /// Returns how many of `bytes` it has taken: all of them, unless the body ended or broke. Data goes to `out`.
  std::size_t feed(std::string_view bytes, std::string& out);
  [[nodiscard]] bool done() const { return state_ == State::kDone; }
  /// What is wrong, or nothing.
  [[nodiscard]] const char* error() const { return error_; }

 private:
  enum class State { kSizeLine, kData, kDataEnd, kTrailer, kDone };

  void fail(const char* what) { error_ = what; }
  void take_line_byte(char byte);
  void end_line();
  void end_size_line();

  State state_ = State::kSizeLine;
  std::string line_;  // of a chunk's size or a trailer, without its end
  bool after_cr_ = false;
  std::size_t trailer_bytes_ = 0;
  std::uint64_t data_left_ = 0;
  const char* error_ = nullptr;
};

}  // namespace valence::server
