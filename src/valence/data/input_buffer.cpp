#include "valence/data/input_buffer.h"

#include <cstring>

namespace valence::data {
namespace {
constexpr std::size_t kInitialBytes = std::size_t{256} << 10;
constexpr std::size_t kSmallestRead = std::size_t{64} << 10;
}  // namespace

InputBuffer::InputBuffer(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)),
      capacity_(kInitialBytes),
      bytes_(std::make_unique_for_overwrite<char[]>(kInitialBytes)) {}

void InputBuffer::move_to(std::size_t capacity) {
  auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(bytes.get(), bytes_.get() + begin_, end_ - begin_);
  bytes_ = std::move(bytes);
  capacity_ = capacity;
  end_ -= begin_;
  begin_ = 0;
}

void InputBuffer::make_room() {
  const std::size_t unread_bytes = end_ - begin_;
  if (unread_bytes == 0) begin_ = end_ = 0;
  // One long row must not keep its memory for the rest of the file.
  if (capacity_ > 16 * kInitialBytes && unread_bytes < kInitialBytes / 2) move_to(kInitialBytes);
  if (capacity_ - end_ >= kSmallestRead) return;
  if (unread_bytes <= begin_) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, unread_bytes);
    begin_ = 0;
    end_ = unread_bytes;
  }
  if (capacity_ - end_ < kSmallestRead) move_to(2 * capacity_);
}

Result<ReadState> InputBuffer::fill(Wait wait) {
  if (at_end_) return ReadState::kEnd;
  make_room();
  VALENCE_TRY(const ReadOutcome outcome, source_->read({bytes_.get() + end_, capacity_ - end_}, wait));
  end_ += outcome.size_bytes;
  at_end_ = outcome.state == ReadState::kEnd;
  return outcome.state;
}

}  // namespace valence::data
