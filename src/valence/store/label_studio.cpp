#include "valence/store/label_studio.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/json_text.h"

namespace valence::store {
namespace {

constexpr std::string_view kChoices = "choices";

void append_result(JsonText& json, std::string_view label) {
  json.key("result").begin_array().begin_object();
  json.key("from_name").string("label").key("to_name").string("text").key("type").string(kChoices);
  json.key("value").begin_object().key(kChoices).begin_array().string(label).end_array().end_object();
  json.end_object().end_array();
}

/// Members of a task's data, in order, with the fields they hold.
template <class Item>
auto fields_of(Item& item) {
  using Field = std::pair<std::string_view, decltype(&item.text)>;
  return std::array<Field, 10>{{{"feedback_id", &item.id},
                                {"record_id", &item.record_id},
                                {"text", &item.text},
                                {"predicted", &item.predicted},
                                {"stream", &item.stream},
                                {"channel", &item.channel},
                                {"subject", &item.subject},
                                {"note", &item.note},
                                {"source", &item.source},
                                {"model_version", &item.model_version}}};
}

/// The label of an annotation; nothing where it was skipped.
Result<std::optional<std::string>> label_of(const Json& annotation) {
  VALENCE_TRY(const bool cancelled, annotation.boolean_or("was_cancelled", false));
  const auto result = annotation.find("result");
  if (cancelled || !result) return std::nullopt;
  VALENCE_TRY(const auto regions, result->items());
  for (const Json& region : regions) {
    VALENCE_TRY(const std::string type, region.string_or("type", std::string(kChoices)));
    if (type != kChoices) continue;
    VALENCE_TRY(const Json value, region.at("value"));
    VALENCE_TRY(const Json choices, value.at(kChoices));
    VALENCE_TRY(const auto chosen, choices.items());
    if (chosen.size() > 1) return choices.invalid("has several labels", "one label a text can be learned from");
    if (chosen.empty()) continue;
    VALENCE_TRY(std::string label, chosen.front().as_string());
    if (!label.empty()) return std::optional(std::move(label));
  }
  return std::nullopt;
}

Result<std::optional<Feedback>> correction_of(const Json& task) {
  VALENCE_TRY(const Json data, task.at("data"));
  Feedback correction;
  for (auto& [name, field] : fields_of(correction)) {
    VALENCE_TRY(*field, data.string_or(name, ""));
  }
  if (correction.text.empty()) return data.invalid("has no \"text\"", "name the text's field \"text\" in the project");
  VALENCE_TRY(correction.time_ms, data.integer_or("time_ms", 0));
  std::vector<Json> annotations;
  if (const auto found = task.find("annotations")) {
    VALENCE_TRY(annotations, found->items());
  }
  for (const Json& annotation : annotations) {
    VALENCE_TRY(std::optional<std::string> label, label_of(annotation));
    if (!label) continue;
    correction.label = std::move(*label);
  }
  if (correction.label.empty()) return std::nullopt;
  if (correction.id.empty()) {
    // Their ids are numbers of one installation; the text and the label make them ours.
    VALENCE_TRY(const std::int64_t number, task.integer_or("id", 0));
    correction.id =
        "ls-" + sha256_hex(fmt::format("{}\n{}\n{}", number, correction.text, correction.label)).substr(0, 23);
  }
  if (correction.source.empty()) correction.source = "label-studio";
  return std::optional(std::move(correction));
}

}  // namespace

std::string label_studio_of(std::span<const Feedback> corrections) {
  JsonText json;
  json.begin_array();
  for (const Feedback& correction : corrections) {
    json.begin_object().key("data").begin_object();
    for (const auto& [name, field] : fields_of(correction)) json.key(name).string(*field);
    json.key("time_ms").integer(correction.time_ms).end_object();
    json.key("annotations").begin_array().begin_object();
    append_result(json, correction.label);
    json.end_object().end_array();
    json.end_object();
  }
  json.end_array();
  return json.text() + "\n";
}

std::string label_studio_of(std::span<const QueueItem> queue) {
  JsonText json;
  json.begin_array();
  for (const QueueItem& item : queue) {
    const auto& record = item.record.record;
    json.begin_object().key("data").begin_object();
    json.key("text").string(record.text).key("record_id").string(record.id).key("predicted").string(record.label);
    json.key("stream").string(record.stream).key("channel").string(record.channel);
    json.key("subject").string(record.subject).key("model_version").string(record.model_version);
    json.end_object();
    // Label Studio orders by a prediction's score, the lowest first: the least sure.
    json.key("predictions").begin_array().begin_object();
    json.key("model_version").string(record.model_version).key("score").number(1 - item.uncertainty);
    append_result(json, record.label);
    json.end_object().end_array();
    json.end_object();
  }
  json.end_array();
  return json.text() + "\n";
}

Result<LabelStudioImport> parse_label_studio(std::string_view text, const std::string& source) {
  VALENCE_TRY(const Json document,
              Json::parse(text, source, {.max_token_bytes = std::size_t{16} << 20, .max_values = 4'000'000}));
  VALENCE_TRY(const auto tasks, document.items());
  LabelStudioImport found;
  for (const Json& task : tasks) {
    VALENCE_TRY(std::optional<Feedback> correction, correction_of(task));
    if (correction) {
      found.corrections.push_back(std::move(*correction));
    } else {
      ++found.unlabelled;
    }
  }
  return found;
}

}  // namespace valence::store
