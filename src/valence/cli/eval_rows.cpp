#include "valence/cli/eval_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>

#include "valence/base/json.h"
#include "valence/engine/postprocess.h"
#include "valence/eval/temperature.h"
#include "valence/pipeline/labelled_texts.h"
#include "valence/train/label_space.h"
#include "valence/train/soft_target.h"

namespace valence::cli {
namespace {

constexpr std::size_t kWindowRows = 2048;
constexpr std::size_t kListedLabels = 12;
constexpr double kEvenScore = 0.5;  // where a label of a set is as likely as not

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// The label of the model that `unknown` most likely means: another case, the beginning of it, its number; or "LABEL".
std::string likely_label(const std::string& unknown, const std::vector<std::string>& labels) {
  const std::string lower = lower_case(unknown);
  for (const std::string& label : labels) {
    if (lower_case(label) == lower) return label;
  }
  for (const std::string& label : labels) {
    const std::string other = lower_case(label);
    if (other.starts_with(lower) || lower.starts_with(other)) return label;
  }
  if (const auto id = number_of(unknown); id && *id >= 0 && *id < static_cast<double>(labels.size())) {
    return labels[static_cast<std::size_t>(*id)];
  }
  return "LABEL";
}

std::string listed(const std::vector<std::string>& items) {
  const std::size_t shown = std::min(items.size(), kListedLabels);
  const std::span<const std::string> some(items.data(), shown);
  return fmt::format("{}{}", fmt::join(some, ", "),
                     items.size() > shown ? fmt::format(" and {} more", items.size() - shown) : "");
}

Status refuse_unknown(const std::map<std::string, std::size_t>& unknown, const std::string& where,
                      const std::vector<std::string>& labels) {
  if (unknown.empty()) return {};
  std::vector<std::pair<std::string, std::size_t>> by_count(unknown.begin(), unknown.end());
  std::ranges::stable_sort(by_count, std::ranges::greater(), &std::pair<std::string, std::size_t>::second);
  std::vector<std::string> found;
  std::vector<std::string> mapping;
  for (const auto& [label, rows] : by_count) {
    found.push_back(fmt::format("{} ({} row{})", in_quotes(label), rows, rows == 1 ? "" : "s"));
    mapping.push_back(fmt::format("{}={}", label, likely_label(label, labels)));
  }
  std::vector<std::string> known;
  for (const std::string& label : labels) known.push_back(in_quotes(label));
  return fail(ErrorCode::kInvalidData, where,
              fmt::format("has labels that the model does not: {}; the model's are {}", listed(found), listed(known)),
              fmt::format("say which is which: --map-labels '{}'",
                          fmt::join(std::span(mapping.data(), std::min(mapping.size(), kListedLabels)), ",")));
}

std::vector<std::string> parts_of(std::string_view label) {
  std::vector<std::string> parts;
  while (!label.empty()) {
    const std::size_t end = std::min(label.find(train::kLabelSeparator), label.size());
    if (end > 0) parts.emplace_back(label.substr(0, end));
    label.remove_prefix(std::min(end + 1, label.size()));
  }
  return parts;
}

/// From labels as they stand to the truth of the model's kind.
class TruthReader {
 public:
  TruthReader(EvalRows& rows, const LabelRenaming& renaming) : rows_(rows), renaming_(renaming) {
    for (std::size_t id = 0; id < rows.labels.size(); ++id) ids_.emplace(rows.labels[id], id);
  }

  /// False for a row that cannot be used.
  bool add(const std::string& label, const std::string& place) {
    if (rows_.kind == AnswerKind::kNumbers) return add_number(label, place);
    if (rows_.kind == AnswerKind::kOneLabel) {
      rows_.truth.push_back(static_cast<std::int32_t>(id_of(label)));
      return true;
    }
    const std::size_t begin = rows_.truth_bits.size();
    rows_.truth_bits.resize(begin + rows_.labels.size());
    for (const std::string& part : parts_of(label)) rows_.truth_bits[begin + id_of(part)] = 1;
    return true;
  }

  /// The labels that the row added last was labelled among.
  Status add_choices(const std::string& choices, const std::string& place) {
    train::Target target{.label = rows_.truth.back()};
    std::vector<std::string> names = parts_of(choices);
    for (std::string& name : names) {
      if (const auto renamed = renaming_.find(name); renamed != renaming_.end()) name = renamed->second;
    }
    const auto chosen = train::choose_among(target, fmt::format("{}", fmt::join(names, "|")),
                                            {rows_.labels, ProblemType::kSingleLabel});
    if (!chosen) return fail(chosen.error().in(place));
    rows_.choices.push_back(std::move(target.choices));
    return {};
  }

  [[nodiscard]] const std::map<std::string, std::size_t>& unknown() const { return unknown_; }

 private:
  bool add_number(const std::string& label, const std::string& place) {
    const auto number = number_of(label);
    if (!number) {
      rows_.failed.emplace_back(ErrorCode::kInvalidData, place,
                                fmt::format("{} is no number, which a regression is compared with", in_quotes(label)));
      return false;
    }
    rows_.truth_numbers.push_back(*number);
    return true;
  }

  /// Of an unknown one 0: it is an error in the end.
  std::size_t id_of(const std::string& label) {
    const auto renamed = renaming_.find(label);
    const auto known = ids_.find(renamed == renaming_.end() ? label : renamed->second);
    if (known != ids_.end()) return known->second;
    ++unknown_[label];
    return 0;
  }

  EvalRows& rows_;
  const LabelRenaming& renaming_;
  std::map<std::string, std::size_t, std::less<>> ids_;
  std::map<std::string, std::size_t> unknown_;
};

/// Every target of --map-labels must be a label of the model: a typing error would pass unseen otherwise.
Status check_renaming(const LabelRenaming& renaming, const std::vector<std::string>& labels) {
  for (const auto& [from, to] : renaming) {
    if (std::ranges::find(labels, to) != labels.end()) continue;
    return fail(ErrorCode::kInvalidArgument, "--map-labels",
                fmt::format("{}={}: the model has no label {}", from, to, in_quotes(to)),
                fmt::format("its labels are {}", listed(labels)));
  }
  return {};
}

/// Takes out the labels that the row was not labelled among.
void leave_choices(std::span<float> logits, const std::vector<std::int32_t>& choices) {
  if (choices.empty()) return;
  for (std::size_t label = 0; label < logits.size(); ++label) {
    if (!std::ranges::binary_search(choices, static_cast<std::int32_t>(label))) logits[label] = kNotAChoice;
  }
}

template <class T>
void keep_rows(std::vector<T>& values, const std::vector<std::size_t>& kept, std::size_t width) {
  if (values.empty()) return;
  std::vector<T> left;
  left.reserve(kept.size() * width);
  for (const std::size_t row : kept) {
    for (std::size_t i = 0; i < width; ++i) left.push_back(std::move(values[row * width + i]));
  }
  values = std::move(left);
}

}  // namespace

Result<AnswerKind> answer_kind(const Classifier& classifier) {
  if (classifier.labels_tokens()) {
    return fail(ErrorCode::kUnsupported, "the model", "labels tokens, not texts", "give a model that labels texts");
  }
  switch (classifier.model_function()) {
    case ScoreFunction::kSigmoid:
      return AnswerKind::kLabelSets;
    case ScoreFunction::kNone:
      if (classifier.labels().size() == 1) return AnswerKind::kNumbers;
      return fail(ErrorCode::kUnsupported, "the model", "gives several numbers a text, expected one");
    case ScoreFunction::kModel:
    case ScoreFunction::kSoftmax:
      break;
  }
  return AnswerKind::kOneLabel;
}

Result<EvalRows> read_eval_rows(const std::vector<std::string>& files, const EvalRequest& request,
                                const std::vector<std::string>& labels, AnswerKind kind) {
  if (kind != AnswerKind::kNumbers) VALENCE_TRY_STATUS(check_renaming(request.renaming, labels));
  EvalRows rows;
  rows.kind = kind;
  rows.labels = labels;
  rows.slice_columns = request.slice_columns;
  rows.slice_values.resize(request.slice_columns.size());
  TruthReader truth(rows, request.renaming);
  std::string first_file;
  std::vector<std::string> carried = request.slice_columns;
  const bool has_choices = !request.choices_column.empty();
  if (has_choices) {
    if (kind != AnswerKind::kOneLabel) {
      return fail(ErrorCode::kInvalidArgument, "--choices-column", "is for models that give a text one label");
    }
    carried.push_back(request.choices_column);
  }
  for (const std::string& file : files) {
    VALENCE_TRY(pipeline::LabelledRows read,
                pipeline::read_labelled_rows(file, request.reader, request.label_column, carried));
    if (first_file.empty()) first_file = read.file;
    std::ranges::move(read.failed, std::back_inserter(rows.failed));
    for (std::size_t i = 0; i < read.texts.size(); ++i) {
      std::string place = fmt::format("{}:{}", read.file, read.lines[i]);
      if (!truth.add(read.labels[i], place)) continue;
      if (has_choices && truth.unknown().empty()) VALENCE_TRY_STATUS(truth.add_choices(read.carried.back()[i], place));
      rows.texts.push_back(std::move(read.texts[i]));
      if (!read.pairs.empty()) rows.pairs.push_back(std::move(read.pairs[i]));
      rows.places.push_back(std::move(place));
      for (std::size_t column = 0; column < rows.slice_values.size(); ++column) {
        rows.slice_values[column].push_back(std::move(read.carried[column][i]));
      }
    }
  }
  VALENCE_TRY_STATUS(refuse_unknown(truth.unknown(), first_file, labels));
  if (rows.texts.empty()) {
    return fail(rows.failed.empty() ? Error(ErrorCode::kInvalidData, first_file, "has no rows")
                                    : rows.failed.front().in("no row can be used; the first"));
  }
  return rows;
}

Result<Answers> answer_rows(const Classifier& classifier, const EvalRows& rows, const std::atomic<bool>& stop,
                            const RowsDone& done) {
  const std::size_t num_labels = rows.labels.size();
  Answers answers;
  answers.logits.resize(rows.size() * num_labels);
  answers.errors.resize(rows.size());
  std::vector<TextInput> window;
  for (std::size_t begin = 0; begin < rows.size(); begin += kWindowRows) {
    if (stop) return fail(ErrorCode::kCancelled, "", "interrupted");
    const std::size_t end = std::min(rows.size(), begin + kWindowRows);
    window.clear();
    for (std::size_t row = begin; row < end; ++row) {
      window.push_back({.text = rows.texts[row]});
      if (!rows.pairs.empty()) window.back().pair = rows.pairs[row];
    }
    const auto predictions = classifier.classify(window);
    for (std::size_t row = begin; row < end; ++row) {
      const auto& prediction = predictions[row - begin];
      if (prediction) {
        const auto logits = std::span(answers.logits).subspan(row * num_labels, num_labels);
        std::ranges::copy(prediction->scores, logits.begin());
        if (!rows.choices.empty()) leave_choices(logits, rows.choices[row]);
      } else {
        answers.errors[row] = prediction.error().in(rows.places[row]);
      }
    }
    done(end);
  }
  rescore(answers, rows, classifier.calibration());
  return answers;
}

void rescore(Answers& answers, const EvalRows& rows, const std::optional<Calibration>& calibration) {
  answers.losses.clear();
  if (rows.kind == AnswerKind::kNumbers) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      answers.losses.push_back(std::abs(answers.logits[row] - rows.truth_numbers[row]));
    }
    return;
  }
  const std::size_t num_labels = rows.labels.size();
  const ScoreFunction function = rows.kind == AnswerKind::kOneLabel ? ScoreFunction::kSoftmax : ScoreFunction::kSigmoid;
  const double temperature = calibration && calibration->function == function ? calibration->temperature : 1;
  std::vector<std::int32_t> all_labels(num_labels);
  std::iota(all_labels.begin(), all_labels.end(), 0);
  const bool has_thresholds = calibration && calibration->label_thresholds.size() == num_labels;
  answers.scores.clear();
  answers.predicted.clear();
  answers.confidence.clear();
  answers.bits.clear();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto logits = std::span<const float>(answers.logits).subspan(row * num_labels, num_labels);
    const Prediction prediction = to_prediction(logits, all_labels, function, temperature);
    answers.scores.insert(answers.scores.end(), prediction.scores.begin(), prediction.scores.end());
    if (rows.kind == AnswerKind::kOneLabel) {
      answers.predicted.push_back(prediction.label_id);
      answers.confidence.push_back(prediction.score);
      answers.losses.push_back(eval::softmax_loss(logits, rows.truth[row], temperature));
      continue;
    }
    const auto truth = std::span<const std::uint8_t>(rows.truth_bits).subspan(row * num_labels, num_labels);
    answers.losses.push_back(eval::sigmoid_loss(logits, truth, temperature));
    for (std::size_t label = 0; label < num_labels; ++label) {
      const double threshold = has_thresholds ? calibration->label_thresholds[label] : kEvenScore;
      answers.bits.push_back(prediction.scores[label] >= threshold ? 1 : 0);
    }
  }
}

void drop_unanswered(EvalRows& rows, std::span<Answers* const> all) {
  std::vector<std::size_t> kept;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto silent = std::ranges::find_if(all, [row](const Answers* one) { return one->errors[row].has_value(); });
    if (silent == all.end()) {
      kept.push_back(row);
    } else {
      rows.failed.push_back(*(*silent)->errors[row]);
    }
  }
  if (kept.size() == rows.size()) return;
  const std::size_t num_labels = rows.labels.size();
  keep_rows(rows.texts, kept, 1);
  keep_rows(rows.pairs, kept, 1);
  keep_rows(rows.places, kept, 1);
  keep_rows(rows.truth, kept, 1);
  keep_rows(rows.choices, kept, 1);
  keep_rows(rows.truth_bits, kept, num_labels);
  keep_rows(rows.truth_numbers, kept, 1);
  for (auto& values : rows.slice_values) keep_rows(values, kept, 1);
  for (Answers* one : all) {
    keep_rows(one->logits, kept, num_labels);
    keep_rows(one->scores, kept, num_labels);
    keep_rows(one->predicted, kept, 1);
    keep_rows(one->confidence, kept, 1);
    keep_rows(one->bits, kept, num_labels);
    keep_rows(one->losses, kept, 1);
    one->errors.assign(kept.size(), std::nullopt);
  }
}

}  // namespace valence::cli
