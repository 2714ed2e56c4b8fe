#include "valence/tokenizer/bert_fast_path.h"

#include <memory>
#include <string>
#include <vector>

#include "valence/base/utf8.h"
#include "valence/tokenizer/unicode.h"

namespace valence::tokenizer {
namespace {

constexpr std::size_t kMaxUtf8Bytes = 4;

/// The normalized word being read, and where its bytes came from.
class Word {
 public:
  Word(const WordPiece& model, TokenSink& sink) : model_(model), sink_(sink), flags_(code_point_flags()) {
    const std::size_t capacity = model.max_input_chars_per_word() * kMaxUtf8Bytes;
    if (capacity > inline_bytes_.size()) {
      heap_bytes_ = std::make_unique_for_overwrite<char[]>(capacity);
      bytes_ = heap_bytes_.get();
    }
  }

  /// The characters that still fit before the word is too long for the model.
  [[nodiscard]] std::size_t room_chars() const { return model_.max_input_chars_per_word() - chars_; }
  /// Room for at least room_chars() ASCII characters; extend_ascii says how many were written.
  [[nodiscard]] char* next_bytes() { return bytes_ + size_; }
  void extend_ascii(std::size_t count, std::uint32_t at) {
    begin_if_empty(at);
    if (contiguous_ && begin_ + size_ != at) stop_being_contiguous();
    if (!contiguous_) {
      for (std::uint32_t i = 0; i < count; ++i) sources_.push_back({at + i, at + i + 1});
    }
    size_ += count;
    chars_ += count;
    end_ = at + static_cast<std::uint32_t>(count);
  }
  /// The word goes on to `end`, but nothing of it matters any more.
  void overflow(std::uint32_t begin, std::uint32_t end) {
    begin_if_empty(begin);
    too_long_ = true;
    end_ = end;
  }

  /// One character of the normalized text: white space and punctuation end the word.
  void push(char32_t c, ByteSpan source) {
    const CodePointFlags flags = flags_[c];
    if ((flags & (kWhitespace | kPunctuation)) == 0) {
      append(c, source);
      return;
    }
    flush();
    if ((flags & kPunctuation) != 0) {
      append(c, source);
      flush();
    }
  }

  /// Ends the word, if there is one, and gives its tokens to the sink.
  void flush() {
    if (empty_) return;
    if (too_long_) {
      sink_.push(model_.unk_id(), {begin_, end_});
    } else if (const std::int32_t id = model_.find_whole(bytes_, size_); id != TokenTable::kAbsent) {
      sink_.push(id, {begin_, end_});
    } else {
      flush_parts();
    }
    clear();
  }

 private:
  void begin_if_empty(std::uint32_t begin) {
    if (!empty_) return;
    empty_ = false;
    begin_ = begin;
  }

  void append(char32_t c, ByteSpan source) {
    if (too_long_ || room_chars() == 0) {
      overflow(source.begin, source.end);
      return;
    }
    begin_if_empty(source.begin);
    const std::size_t written = utf8_size(c);
    if (contiguous_ && (begin_ + size_ != source.begin || written != source.end - source.begin)) {
      stop_being_contiguous();
    }
    if (!contiguous_ && sink_.wants_offsets()) sources_.insert(sources_.end(), written, source);
    encoded_.clear();
    append_utf8(encoded_, c);
    encoded_.copy(bytes_ + size_, written);
    size_ += written;
    ++chars_;
    end_ = source.end;
  }

  /// Byte i of the word was byte begin_ + i of the text; from now on sources_ says where it was.
  void stop_being_contiguous() {
    contiguous_ = false;
    if (!sink_.wants_offsets()) return;
    sources_.clear();
    for (std::size_t i = 0; i < size_;) {
      const auto char_bytes = decode_utf8({bytes_, size_}, i).size_bytes;
      const auto at = begin_ + static_cast<std::uint32_t>(i);
      sources_.insert(sources_.end(), char_bytes, {at, at + char_bytes});
      i += char_bytes;
    }
  }

  void flush_parts() {
    parts_.clear();
    model_.tokenize_parts({bytes_, size_}, parts_);
    for (const auto& part : parts_) {
      if (contiguous_) {
        sink_.push(part.id, {begin_ + part.begin, begin_ + part.end});
      } else if (sink_.wants_offsets()) {
        sink_.push(part.id, {sources_[part.begin].begin, sources_[part.end - 1].end});
      } else {
        sink_.push(part.id, {});
      }
    }
  }

  void clear() {
    size_ = 0;
    chars_ = 0;
    empty_ = true;
    too_long_ = false;
    contiguous_ = true;
  }

  const WordPiece& model_;
  TokenSink& sink_;
  std::span<const CodePointFlags, kCodePoints> flags_;
  std::array<char, 512> inline_bytes_;
  std::unique_ptr<char[]> heap_bytes_;
  char* bytes_ = inline_bytes_.data();
  std::size_t size_ = 0;
  std::size_t chars_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  bool empty_ = true;
  bool too_long_ = false;
  bool contiguous_ = true;
  std::vector<ByteSpan> sources_;  // one a byte, while not contiguous_ and if offsets are wanted
  std::vector<ModelToken> parts_;
  std::string encoded_;
};

/// Normalizes one character that is not ASCII and gives it to the word. False: only the stages can tell.
bool push_multibyte(char32_t c, ByteSpan source, const BertNormalizerOptions& options, Word& word) {
  const CodePointFlags flags = code_point_flags()[c];
  if (options.clean_text && (flags & kCleanedAway) != 0) return true;
  const bool alone = options.handle_chinese_chars && (flags & kChinese) != 0;
  if (alone) word.flush();
  const auto push_folded = [&](char32_t part) {
    if (!options.lowercase || !has_flag(part, kHasLowercase)) {
      word.push(part, source);
    } else {
      for (const char32_t lower : lowercase(part)) word.push(lower, source);
    }
  };
  if (!options.strips_accents()) {
    push_folded(c);
  } else if ((flags & kNormalizes) == 0) {
    if ((flags & kNonspacingMark) == 0) push_folded(c);
  } else {
    for (const char32_t part : decompose(c, Decomposition::kCanonical)) {
      if (has_flag(part, kNonspacingMark)) continue;
      if (combining_class(part) != 0) return false;
      push_folded(part);
    }
  }
  if (alone) word.flush();
  return true;
}

}  // namespace

BertFastPath::BertFastPath(const BertNormalizerOptions& options, const WordPiece& model)
    : options_(options), model_(model) {
  classes_.fill(ByteClass::kMultibyte);
  for (char32_t c = 0; c < 128; ++c) {
    if (options.clean_text && has_flag(c, kCleanedAway)) {
      classes_[c] = ByteClass::kRemoved;
    } else if (has_flag(c, kWhitespace)) {
      classes_[c] = ByteClass::kSpace;
    } else if (has_flag(c, kPunctuation)) {
      classes_[c] = ByteClass::kPunctuation;
    } else {
      classes_[c] = ByteClass::kLetter;
    }
    folded_[c] = static_cast<char>(options.lowercase ? lowercase(c).values[0] : c);
    const auto byte = static_cast<char>(c);
    std::vector<ModelToken> tokens;
    model.tokenize({&byte, 1}, tokens);
    punctuation_ids_[c] = tokens.front().id;
  }
}

bool BertFastPath::encode(std::string_view text, std::uint32_t begin, TokenSink& sink) const {
  const std::size_t tokens_before = sink.size();
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const std::size_t size = text.size();
  const auto at = [begin](std::size_t i) { return begin + static_cast<std::uint32_t>(i); };
  Word word(model_, sink);
  for (std::size_t i = 0; i < size && !sink.full();) {
    const unsigned char byte = bytes[i];
    switch (classes_[byte]) {
      case ByteClass::kLetter: {
        const std::size_t start = i;
        const std::size_t stop = std::min(size, i + word.room_chars());
        char* out = word.next_bytes();
        while (i < stop && classes_[bytes[i]] == ByteClass::kLetter) *out++ = folded_[bytes[i++]];
        if (i > start) word.extend_ascii(i - start, at(start));
        if (i < stop || i == size || classes_[bytes[i]] != ByteClass::kLetter) break;
        while (i < size && classes_[bytes[i]] == ByteClass::kLetter) ++i;
        word.overflow(at(start), at(i));
        break;
      }
      case ByteClass::kSpace:
        word.flush();
        ++i;
        break;
      case ByteClass::kPunctuation:
        word.flush();
        sink.push(punctuation_ids_[byte], {at(i), at(i + 1)});
        ++i;
        break;
      case ByteClass::kRemoved:
        ++i;
        break;
      case ByteClass::kMultibyte: {
        const auto [code_point, size_bytes] = decode_utf8(text, i);
        const ByteSpan source{at(i), at(i + size_bytes)};
        if (!push_multibyte(code_point, source, options_, word)) {
          sink.keep_first(tokens_before);
          return false;
        }
        i += size_bytes;
        break;
      }
    }
  }
  word.flush();
  return true;
}

}  // namespace valence::tokenizer
