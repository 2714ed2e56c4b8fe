/// \file
/// Lines that end in LF or CRLF, for formats whose records are lines.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "valence/data/input_buffer.h"

namespace valence::data {

/// Takes lines off an input, looking at each byte once. A line longer than kMaxFieldBytes is skipped as it comes.
class LineScanner {
 public:
  struct LineView {
    std::string_view text;  ///< without its line end; valid until the input's next fill()
    bool is_too_long = false;
  };

  /// The next line; nothing when it has not come whole, or the input is at its end. The last line needs no line end.
  std::optional<LineView> next(InputBuffer& input);

 private:
  std::size_t scanned_ = 0;  // bytes at the front of the input that hold no LF
  bool is_skipping_ = false;
};

}  // namespace valence::data
