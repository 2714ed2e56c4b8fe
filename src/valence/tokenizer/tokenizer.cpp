#include "valence/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/error.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer/token_sink.h"
#include "valence/tokenizer/tokenizer_parts.h"

namespace valence {

using tokenizer::AddedMatch;
using tokenizer::AddedTokenMatcher;
using tokenizer::ModelToken;
using tokenizer::NormalizedText;
using tokenizer::Piece;
using tokenizer::PostProcessor;
using tokenizer::PreTokenizedText;
using tokenizer::TemplatePiece;
using tokenizer::TokenSink;

namespace {

Status check_text(std::string_view text) {
  if (text.size() >= std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kInvalidData, "", fmt::format("a text of {} bytes: expected less than 4 GiB", text.size()));
  }
  if (const auto invalid = find_invalid_utf8(text)) {
    return fail(
        ErrorCode::kInvalidData, "",
        fmt::format("invalid UTF-8 at byte {} (0x{:02x})", *invalid, static_cast<unsigned char>(text[*invalid])));
  }
  return {};
}

/// Tokens that the text itself may have beside `added` special ones.
Result<std::size_t> room_for_text(const EncodeOptions& options, std::size_t added) {
  if (options.max_length == 0) return TokenSink::kNoLimit;
  if (options.max_length < added) {
    return fail(ErrorCode::kInvalidArgument, "",
                fmt::format("max_length {} leaves no room for {} special tokens", options.max_length, added));
  }
  return options.max_length - added;
}

/// The text cut at added tokens that are looked for after normalization.
PreTokenizedText cut_normalized(NormalizedText text, const AddedTokenMatcher& matcher) {
  PreTokenizedText cut;
  if (matcher.empty()) {
    if (!text.empty()) cut.pieces.push_back({0, text.size()});
    cut.text = std::move(text);
    return cut;
  }
  std::string bytes;
  std::vector<std::size_t> char_at_byte;
  for (std::size_t i = 0; i < text.size(); ++i) {
    append_utf8(bytes, text.chars()[i].code_point);
    char_at_byte.resize(bytes.size(), i);
  }
  char_at_byte.push_back(text.size());
  AddedTokenMatcher::Sections sections(matcher, bytes);
  while (const auto section = sections.next()) {
    cut.pieces.push_back(
        {char_at_byte[section->begin], char_at_byte[section->end], section->added_token_id.value_or(Piece::kNone)});
  }
  cut.text = std::move(text);
  return cut;
}

/// Tokens tell bytes of the word; the characters these belong to are found walking along.
class CharacterCursor {
 public:
  /// The word begins at character `begin` of `text`.
  CharacterCursor(const NormalizedText& text, std::size_t begin) : text_(text), at_{begin, 0} {}

  [[nodiscard]] ByteSpan source_of(const ModelToken& token) {
    if (token.begin == last_.begin && token.end == last_.end) return source_;  // bytes of one unknown stretch
    at_ = walk(at_, token.begin);
    source_ = text_.source_of(at_.character, walk(at_, token.end - 1).character + 1);
    last_ = token;
    return source_;
  }

 private:
  struct Place {
    std::size_t character;
    std::size_t byte;  // of the word, where it begins
  };
  /// From a place at or before `byte` to the character that has it.
  [[nodiscard]] Place walk(Place from, std::size_t byte) const {
    while (true) {
      const std::size_t next = from.byte + utf8_size(text_.chars()[from.character].code_point);
      if (next > byte) return from;
      from = {from.character + 1, next};
    }
  }

  const NormalizedText& text_;
  Place at_;  // of the token last asked for
  ModelToken last_{0, 0, 0};
  ByteSpan source_;
};

/// What a text that gave_up() is refused with.
Status check_growth(const NormalizedText& text) {
  if (!text.gave_up()) return {};
  return fail(ErrorCode::kInvalidData, "",
              fmt::format("the tokenizer's rules make more than {} characters of it", text.most_chars()),
              "use a tokenizer.json whose normalizer and pre-tokenizer do not multiply characters");
}

/// The four stages as the reference has them, for the part of a text that starts at byte `begin` of it.
Status encode_by_stages(const Tokenizer::Parts& parts, std::string_view part, std::uint32_t begin, TokenSink& sink) {
  NormalizedText normalized(part, begin);
  if (parts.normalizer) parts.normalizer->apply(normalized);
  VALENCE_TRY_STATUS(check_growth(normalized));
  PreTokenizedText words = cut_normalized(std::move(normalized), parts.added_tokens.in_normalized());
  if (parts.pre_tokenizer) parts.pre_tokenizer->apply(words);
  VALENCE_TRY_STATUS(check_growth(words.text));
  if (words.failure) return fail(*std::move(words.failure));
  std::string word;
  std::vector<ModelToken> tokens;
  for (const Piece& piece : words.pieces) {
    if (sink.full()) return {};
    word.clear();
    words.text.append_utf8_of(piece.begin, piece.end, word);
    if (piece.added_token_id != Piece::kNone) {
      sink.push_added(piece.added_token_id, words.text.source_of(piece.begin, piece.end), word);
      continue;
    }
    tokens.clear();
    parts.model->tokenize(word, tokens);
    CharacterCursor cursor(words.text, piece.begin);
    for (const auto& token : tokens) sink.push(token.id, cursor.source_of(token));
  }
  return {};
}

/// The byte-level path, for a part that normalization leaves as it is.
void encode_byte_level(const Tokenizer::Parts& parts, std::string_view part, std::uint32_t begin, TokenSink& sink) {
  const auto& path = *parts.byte_level_path;
  const AddedTokenMatcher& added = parts.added_tokens.in_normalized();
  if (added.empty()) {
    path.encode(part, begin, sink);
    return;
  }
  AddedTokenMatcher::Sections sections(added, part);
  while (!sink.full()) {
    const auto section = sections.next();
    if (!section) return;
    const auto text = part.substr(section->begin, section->end - section->begin);
    const auto at = begin + static_cast<std::uint32_t>(section->begin);
    if (section->added_token_id) {
      sink.push_added(*section->added_token_id, {at, at + static_cast<std::uint32_t>(text.size())}, text);
    } else {
      path.encode(text, at, sink);
    }
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Status encode_text(const Tokenizer::Parts& parts, std::string_view text, TokenSink& sink) {
  AddedTokenMatcher::Sections sections(parts.added_tokens.in_original(), text);
  while (!sink.full()) {
    const auto section = sections.next();
    if (!section) break;
    const auto begin = static_cast<std::uint32_t>(section->begin);
    const auto part = text.substr(section->begin, section->end - section->begin);
    if (section->added_token_id) {
      sink.push_added(*section->added_token_id, {begin, static_cast<std::uint32_t>(section->end)}, part);
    } else if (parts.byte_level_path && (parts.normalizer == nullptr || is_ascii(part))) {
      encode_byte_level(parts, part, begin, sink);
    } else if (!parts.fast_path || !parts.fast_path->encode(part, begin, sink)) {
      VALENCE_TRY_STATUS(encode_by_stages(parts, part, begin, sink));
    }
  }
  return {};
}

/// One text's tokens before the post-processor. The vectors are the caller's and may hold other tokens already.
class TextTokens {
 public:
  /// `offsets` may be null.
  TextTokens(const Tokenizer::Parts& parts, std::string_view text, std::vector<std::int32_t>& ids,
             std::vector<ByteSpan>* offsets, std::size_t limit)
      : parts_(parts),
        text_(text),
        ids_(ids),
        offsets_(offsets),
        trims_(offsets != nullptr && !parts.post_processor.trims.empty()),
        sink_(ids, offsets, trims_ ? &added_ : nullptr, limit) {}
  TextTokens(const TextTokens&) = delete;  // the sink points into it
  TextTokens& operator=(const TextTokens&) = delete;

  Status encode() { return encode_text(parts_, text_, sink_); }
  [[nodiscard]] std::size_t size() const { return sink_.size(); }

  /// Keeps `count` tokens, away from the side that is cut, and does to their offsets what the post-processor does.
  void keep(std::size_t count, TruncationSide cut_side) {
    const std::size_t dropped_before = cut_side == TruncationSide::kLeft ? size() - count : 0;
    if (cut_side == TruncationSide::kRight) {
      sink_.keep_first(count);
    } else {
      sink_.keep_last(count);
    }
    if (trims_) trim_offsets(dropped_before);
  }

 private:
  void trim_offsets(std::size_t dropped_before) {
    const std::size_t first = ids_.size() - size();
    auto added = added_.begin();
    for (std::size_t i = 0; i < size(); ++i) {
      while (added != added_.end() && added->at < dropped_before + i) ++added;
      const bool is_added = added != added_.end() && added->at == dropped_before + i;
      const auto spaces = is_added
                              ? added->spaces
                              : tokenizer::edge_spaces(parts_.model->vocabulary().token(ids_[first + i]).value_or(""));
      ByteSpan& source = (*offsets_)[first + i];
      for (const auto& trim : parts_.post_processor.trims) source = trim.apply(text_, source, spaces, i == 0);
    }
  }

  const Tokenizer::Parts& parts_;
  std::string_view text_;
  std::vector<std::int32_t>& ids_;
  std::vector<ByteSpan>* offsets_;
  bool trims_;
  std::vector<AddedMatch> added_;
  TokenSink sink_;
};

void clear(Encoding& encoding) {
  encoding.ids.clear();
  encoding.type_ids.clear();
  encoding.special_tokens_mask.clear();
  encoding.offsets.clear();
  encoding.sequence_ids.clear();
  encoding.truncated = false;
}

void append_special(const TemplatePiece& piece, const EncodeOptions& options, Encoding& encoding) {
  if (!options.add_special_tokens) return;
  encoding.ids.insert(encoding.ids.end(), piece.special_ids.begin(), piece.special_ids.end());
  encoding.type_ids.resize(encoding.ids.size(), piece.type_id);
  encoding.special_tokens_mask.resize(encoding.ids.size(), 1);
  if (!options.with_offsets) return;
  encoding.offsets.resize(encoding.ids.size());
  encoding.sequence_ids.resize(encoding.ids.size(), -1);
}

/// What tokens that have been appended are all alike in.
void fill_in(const TemplatePiece& piece, const EncodeOptions& options, Encoding& encoding) {
  if (options.with_offsets) {
    encoding.sequence_ids.resize(encoding.ids.size(), piece.kind == TemplatePiece::Kind::kSecond ? 1 : 0);
  }
  encoding.type_ids.resize(encoding.ids.size(), piece.type_id);
  encoding.special_tokens_mask.resize(encoding.ids.size(), 0);
}

/// How many tokens each text of a pair keeps.
struct PairLengths {
  std::size_t first;
  std::size_t second;
};

/// truncate_encodings' LongestFirst. The odd one goes to the longer text.
PairLengths longest_first(PairLengths lengths, std::size_t room) {
  const bool swapped = lengths.first > lengths.second;
  const std::size_t shorter = std::min(lengths.first, lengths.second);
  PairLengths kept{shorter, shorter > room ? shorter : std::max(shorter, room - shorter)};
  if (kept.first + kept.second > room) kept = {room / 2, room / 2 + room % 2};
  if (swapped) std::swap(kept.first, kept.second);
  return kept;
}

/// truncate_encodings. Where one text alone may be cut, it keeps a token at least; but no room at all empties both.
Result<PairLengths> truncated(PairLengths lengths, std::size_t room, TruncationStrategy strategy) {
  if (room == 0) return PairLengths{0, 0};
  const std::size_t total = lengths.first + lengths.second;
  if (total <= room) return lengths;
  if (strategy == TruncationStrategy::kLongestFirst) return longest_first(lengths, room);
  const bool first = strategy == TruncationStrategy::kOnlyFirst;
  std::size_t& cut = first ? lengths.first : lengths.second;
  if (cut <= total - room) {
    return fail(
        ErrorCode::kInvalidData, "",
        fmt::format("the {} text has {} tokens, but {} are too many", first ? "first" : "second", cut, total - room),
        "cut the longer one first, or allow more tokens");
  }
  cut -= total - room;
  return lengths;
}

}  // namespace

Result<Encoding> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding;
  VALENCE_TRY_STATUS(encode_into(text, options, encoding));
  return encoding;
}

Status Tokenizer::encode_into(std::string_view text, const EncodeOptions& options, Encoding& encoding) const {
  VALENCE_TRY_STATUS(check_text(text));
  const auto& pieces = parts_->post_processor.single;
  VALENCE_TRY(const std::size_t room,
              room_for_text(options, options.add_special_tokens ? num_special_tokens_to_add(false) : 0));
  const TruncationSide side = options.truncation_side.value_or(truncation_side());
  const bool reads_on = side == TruncationSide::kLeft || options.truncation_strategy == TruncationStrategy::kOnlySecond;
  clear(encoding);
  for (const auto& piece : pieces) {
    if (piece.kind == TemplatePiece::Kind::kSpecial) {
      append_special(piece, options, encoding);
    } else {
      TextTokens tokens(*parts_, text, encoding.ids, options.with_offsets ? &encoding.offsets : nullptr,
                        reads_on ? TokenSink::kNoLimit : room);
      VALENCE_TRY_STATUS(tokens.encode());
      VALENCE_TRY(const PairLengths kept, truncated({tokens.size(), 0}, room, options.truncation_strategy));
      encoding.truncated = tokens.size() > kept.first;
      tokens.keep(kept.first, side);
      fill_in(piece, options, encoding);
    }
  }
  return {};
}

Result<Encoding> Tokenizer::encode_pair(std::string_view first, std::string_view second,
                                        const EncodeOptions& options) const {
  const auto in_text = [](std::string_view which) { return [which](const Error& error) { return error.in(which); }; };
  VALENCE_TRY_STATUS(check_text(first).map_error(in_text("first text")));
  VALENCE_TRY_STATUS(check_text(second).map_error(in_text("second text")));
  const auto& pieces = parts_->post_processor.pair;
  VALENCE_TRY(const std::size_t room,
              room_for_text(options, options.add_special_tokens ? num_special_tokens_to_add(true) : 0));

  // Who is the longer decides who keeps an odd token, so both are encoded to their ends.
  std::array<Encoding, 2> alone;
  const auto tokens_of = [&](std::string_view text, Encoding& encoding) {
    return TextTokens(*parts_, text, encoding.ids, options.with_offsets ? &encoding.offsets : nullptr,
                      TokenSink::kNoLimit);
  };
  TextTokens first_tokens = tokens_of(first, alone[0]);
  TextTokens second_tokens = tokens_of(second, alone[1]);
  VALENCE_TRY_STATUS(first_tokens.encode().map_error(in_text("first text")));
  VALENCE_TRY_STATUS(second_tokens.encode().map_error(in_text("second text")));
  const PairLengths full{first_tokens.size(), second_tokens.size()};
  VALENCE_TRY(const PairLengths kept, truncated(full, room, options.truncation_strategy));
  const TruncationSide side = options.truncation_side.value_or(truncation_side());
  first_tokens.keep(kept.first, side);
  second_tokens.keep(kept.second, side);

  Encoding pair;
  pair.truncated = kept.first < full.first || kept.second < full.second;
  for (const auto& piece : pieces) {
    if (piece.kind == TemplatePiece::Kind::kSpecial) {
      append_special(piece, options, pair);
      continue;
    }
    const Encoding& text = alone[piece.kind == TemplatePiece::Kind::kFirst ? 0 : 1];
    pair.ids.insert(pair.ids.end(), text.ids.begin(), text.ids.end());
    pair.offsets.insert(pair.offsets.end(), text.offsets.begin(), text.offsets.end());
    fill_in(piece, options, pair);
  }
  return pair;
}

Result<std::string> Tokenizer::decode(std::span<const std::int32_t> ids, const DecodeOptions& options) const {
  std::vector<std::string> tokens;
  for (const std::int32_t id : ids) {
    const auto token = id_to_token(id);
    if (!token || (options.skip_special_tokens && parts_->added_tokens.is_special(*token))) continue;
    tokens.emplace_back(*token);
  }
  return join_tokens(std::move(tokens));
}

Result<std::string> Tokenizer::join_tokens(std::vector<std::string> tokens) const {
  if (parts_->decoder) VALENCE_TRY_STATUS(parts_->decoder->apply(tokens));
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !parts_->decoder) text += ' ';
    text += tokens[i];
  }
  return text;
}

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  if (const auto id = parts_->model->vocabulary().find(token)) return id;  // added tokens found there have the same id
  for (const auto& added : parts_->added_tokens.tokens()) {
    if (added.content == token) return static_cast<std::int32_t>(added.id);
  }
  return std::nullopt;
}

std::optional<std::string_view> Tokenizer::id_to_token(std::int32_t id) const {
  if (const auto spelling = parts_->added_tokens.spelling(id)) return spelling;
  return parts_->model->vocabulary().token(id);
}

std::optional<std::int32_t> Tokenizer::unknown_id() const {
  for (const std::string_view token :
       {std::string_view(parts_->unk_token), std::string_view("[UNK]"), std::string_view("<unk>")}) {
    if (const auto id = token.empty() ? std::nullopt : token_to_id(token)) return id;
  }
  return std::nullopt;
}

bool Tokenizer::marks_continuation() const {
  const auto* word_piece = dynamic_cast<const tokenizer::WordPiece*>(parts_->model.get());
  const auto* bpe = dynamic_cast<const tokenizer::Bpe*>(parts_->model.get());
  return (word_piece != nullptr && word_piece->marks_continuation()) || (bpe != nullptr && bpe->marks_continuation());
}

bool Tokenizer::gives_token_types() const { return parts_->gives_token_types; }

std::size_t Tokenizer::vocabulary_size() const {
  return static_cast<std::size_t>(
      std::max(parts_->model->vocabulary().highest_id(), parts_->added_tokens.highest_id()) + 1);
}

std::size_t Tokenizer::base_vocabulary_size() const {
  return static_cast<std::size_t>(parts_->model->vocabulary().highest_id() + 1);
}

std::size_t Tokenizer::num_special_tokens_to_add(bool pair) const {
  const auto& post_processor = parts_->post_processor;
  return PostProcessor::special_tokens_in(pair ? post_processor.pair : post_processor.single);
}

std::optional<std::size_t> Tokenizer::model_max_length() const { return parts_->model_max_length; }

TruncationSide Tokenizer::truncation_side() const { return parts_->truncation_side; }

void Tokenizer::Parts::choose_fast_path() {
  const auto* bert = dynamic_cast<const tokenizer::BertNormalizer*>(normalizer.get());
  const auto* word_piece = dynamic_cast<const tokenizer::WordPiece*>(model.get());
  const bool splits_like_bert = dynamic_cast<const tokenizer::BertPreTokenizer*>(pre_tokenizer.get()) != nullptr;
  if (bert != nullptr && word_piece != nullptr && splits_like_bert && added_tokens.in_normalized().empty()) {
    fast_path.emplace(bert->options(), *word_piece);
  }
  // The Unicode forms leave ASCII alone.
  if (normalizer == nullptr || dynamic_cast<const tokenizer::UnicodeNormalizer*>(normalizer.get()) != nullptr) {
    byte_level_path = tokenizer::ByteLevelPath::stand_for(pre_tokenizer.get(), *model);
  }
}

}  // namespace valence
