/// \file
/// Labels by vote: rules, a lexicon and models each say what they think of a text, and where they agree it is labelled.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/data/lexicon.h"

namespace valence::pipeline {

struct Vote {
  std::string label;
  double weight = 1;  ///< 0: a suggestion that does not count, of a model that is not sure
  double score = 1;   ///< how sure the source is, in (0, 1]
};

/// Something that has an opinion on texts. Thread-compatible: const calls from one thread at a time.
class LabelSource {
 public:
  explicit LabelSource(std::string name) : name_(std::move(name)) {}
  LabelSource(const LabelSource&) = delete;
  LabelSource& operator=(const LabelSource&) = delete;
  virtual ~LabelSource() = default;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// One entry a text, nothing where the source has no opinion. Texts are valid UTF-8.
  [[nodiscard]] virtual std::vector<std::optional<Vote>> vote(std::span<const std::string_view> texts) const = 0;

 private:
  std::string name_;
};

/// As a rules file says it.
struct LabelRule {
  std::string name;
  std::string label;
  double weight = 1;
  std::vector<std::string> any = {};   ///< phrases of which one must be there, whole words in any case
  std::vector<std::string> none = {};  ///< phrases of which none may be there
  std::string regex = {};  ///< must match somewhere; empty: none. Ruby's syntax, as tokenizer/regex.h takes it
};

/// Errors name the rule: no label, no condition, a phrase without words, a regular expression that is none.
Result<std::unique_ptr<LabelSource>> source_of_rule(const LabelRule& rule);

/// `lexicon` has been built.
std::unique_ptr<LabelSource> source_of_lexicon(std::string name, data::Lexicon lexicon, double weight);

struct ModelVotes {
  double min_score = 0.7;  ///< a lower best score is a suggestion only
  double weight = 1;
  std::map<std::string, std::string> label_of = {};  ///< the model's label -> the task's; others as they are
};
std::unique_ptr<LabelSource> source_of_model(std::string name, std::shared_ptr<const Classifier> classifier,
                                             ModelVotes options);

/// What the votes on one text come to.
struct LabelVerdict {
  std::optional<std::string> label;   ///< nothing: no vote, or the best two labels are equal
  double share = 0;                   ///< of the weight of all votes that is the label's
  double margin = 0;                  ///< between the shares of the best and the second label
  bool is_conflict = false;           ///< votes for several labels
  std::vector<std::uint32_t> voters;  ///< sources whose vote counted, ascending
};
/// `votes` holds one entry a source. The label with most weight wins.
[[nodiscard]] LabelVerdict decide(std::span<const std::optional<Vote>> votes);

/// How a source did over all rows.
struct SourceRecord {
  std::uint64_t votes = 0;      ///< coverage
  std::uint64_t overlaps = 0;   ///< of them, where another source voted too
  std::uint64_t conflicts = 0;  ///< of those, where one voted otherwise
  std::uint64_t judged = 0;     ///< votes on rows with a gold label
  std::uint64_t right = 0;      ///< of those
};

/// Adds one row's votes to the records, one a source.
void record_votes(std::span<const std::optional<Vote>> votes, const std::optional<std::string>& gold,
                  std::span<SourceRecord> records);

}  // namespace valence::pipeline
