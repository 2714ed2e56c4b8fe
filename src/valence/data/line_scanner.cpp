#include "valence/data/line_scanner.h"

#include <utility>

#include "valence/data/row_parser.h"

namespace valence::data {

std::optional<LineScanner::LineView> LineScanner::next(InputBuffer& input) {
  const std::string_view bytes = input.unread();
  const std::size_t lf = bytes.find('\n', scanned_);
  const bool is_whole = lf != std::string_view::npos || (input.at_end() && (!bytes.empty() || is_skipping_));
  if (!is_whole) {
    scanned_ = bytes.size();
    // One more than a line may have: a CR before the LF does not count.
    if (scanned_ > kMaxFieldBytes + 1) is_skipping_ = true;
    if (is_skipping_) {
      input.consume(bytes.size());
      scanned_ = 0;
    }
    return std::nullopt;
  }
  std::string_view text = bytes.substr(0, lf);
  input.consume(lf == std::string_view::npos ? bytes.size() : lf + 1);
  scanned_ = 0;
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (std::exchange(is_skipping_, false) || text.size() > kMaxFieldBytes)
    return LineView{.text = {}, .is_too_long = true};
  return LineView{.text = text};
}

}  // namespace valence::data
