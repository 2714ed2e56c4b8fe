#include "valence/data/peeked_source.h"

#include <algorithm>
#include <cstring>

namespace valence::data {

Status PeekedSource::read_ahead() {
  char bytes[16];
  VALENCE_TRY(const ReadOutcome outcome, inner_->read(bytes, Wait::kYes));
  ahead_.append(bytes, outcome.size_bytes);
  at_end_ = outcome.state == ReadState::kEnd;
  return {};
}

Result<ReadOutcome> PeekedSource::read(std::span<char> buffer, Wait wait) {
  if (ahead_.empty()) return at_end_ ? ReadOutcome{ReadState::kEnd} : inner_->read(buffer, wait);
  const std::size_t size = std::min(buffer.size(), ahead_.size());
  std::memcpy(buffer.data(), ahead_.data(), size);
  ahead_.erase(0, size);
  return ReadOutcome{ReadState::kData, size};
}

}  // namespace valence::data
