/// \file
/// The first stage: normalizers of tokenizer.json, each rewriting a NormalizedText.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/tokenizer/literal_search.h"
#include "valence/tokenizer/normalized_text.h"
#include "valence/tokenizer/run_pattern.h"

namespace valence::tokenizer {

/// Immutable, thread-safe; linear in the text. One that would make more than text.most_chars() of it gives up.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(NormalizedText& text) const = 0;
};

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents = std::nullopt;  ///< absent: as `lowercase`
  bool lowercase = true;

  [[nodiscard]] bool strips_accents() const { return strip_accents.value_or(lowercase); }
};

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(BertNormalizerOptions options) : options_(options) {}
  void apply(NormalizedText& text) const override;
  [[nodiscard]] const BertNormalizerOptions& options() const { return options_; }

 private:
  BertNormalizerOptions options_;
};

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<const Normalizer>> steps) : steps_(std::move(steps)) {}
  void apply(NormalizedText& text) const override;

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

class Lowercase final : public Normalizer {
 public:
  void apply(NormalizedText& text) const override;
};

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

class UnicodeNormalizer final : public Normalizer {
 public:
  explicit UnicodeNormalizer(UnicodeForm form) : form_(form) {}
  void apply(NormalizedText& text) const override;

 private:
  UnicodeForm form_;
};

/// Removes every combining mark (not only the nonspacing ones BertNormalizer strips); decomposes nothing.
class StripAccents final : public Normalizer {
 public:
  void apply(NormalizedText& text) const override;
};

/// Removes white space at the ends.
class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(NormalizedText& text) const override;

 private:
  bool left_;
  bool right_;
};

/// Replaces each run that a regular expression matches, left to right.
class ReplaceRuns final : public Normalizer {
 public:
  ReplaceRuns(RunPattern pattern, std::string_view content);
  void apply(NormalizedText& text) const override;

 private:
  RunPattern pattern_;
  std::u32string content_;
};

/// Control characters away, other kinds of white space to spaces, as machine translation at Google had it.
class Nmt final : public Normalizer {
 public:
  void apply(NormalizedText& text) const override;
};

/// Replaces each occurrence of a literal, left to right. `pattern` is not empty.
class Replace final : public Normalizer {
 public:
  Replace(std::string_view pattern, std::string_view content);
  void apply(NormalizedText& text) const override;

 private:
  LiteralSearch pattern_;
  std::u32string content_;
};

/// Puts `prefix` before a text that is not empty.
class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string_view prefix);
  void apply(NormalizedText& text) const override;

 private:
  std::u32string prefix_;
};

}  // namespace valence::tokenizer
