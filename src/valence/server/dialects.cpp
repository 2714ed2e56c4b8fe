#include "valence/server/dialects.h"

#include <algorithm>

#include "valence/engine/postprocess.h"

namespace valence::server {

pipeline::ServiceRequest request_for(ServerContext& context, std::shared_ptr<const pipeline::ServedModel> model,
                                     std::vector<BatchText> texts) {
  pipeline::ServiceRequest request;
  request.model = std::move(model);
  request.all_or_nothing = true;
  for (std::size_t i = 0; i < texts.size(); ++i) request.fields.push_back({.id = context.ids.next(), .metadata = {}});
  request.texts = std::move(texts);
  return request;
}

std::optional<Problem> first_error(const pipeline::ServiceReply& reply) {
  for (const auto& prediction : reply.predictions) {
    if (prediction) {
      if (prediction->label_id >= 0) continue;
      return Problem{ProblemKind::kBackend, "Model is not a classifier model",
                     "it labels tokens: ask for it by POST /v1/classify"};
    }
    const std::string_view type = text_error_type(prediction.error());
    const ProblemKind kind = type == "EmptyText" ? ProblemKind::kEmpty
                             : type == "Backend" ? ProblemKind::kBackend
                                                 : ProblemKind::kValidation;
    return Problem{kind, type == "EmptyText" ? "`inputs` cannot be empty" : prediction.error().to_string()};
  }
  return std::nullopt;
}

OrProblem<std::vector<Prediction>> rescored(const pipeline::ServiceReply& reply, ScoreFunction function) {
  std::vector<Prediction> predictions;
  for (const auto& prediction : reply.predictions) {
    SERVER_TRY(Prediction other, reply.request.model->classifier->rescored(*prediction, function));
    predictions.push_back(std::move(other));
  }
  return predictions;
}

void append_ranked(std::string& out, const Prediction& prediction, const std::vector<std::string>& labels,
                   std::size_t count, bool score_first) {
  out += '[';
  for (const std::int32_t label : top_labels(prediction.scores, count == 0 ? labels.size() : count)) {
    if (!out.ends_with('[')) out += ',';
    const auto id = static_cast<std::size_t>(label);
    if (score_first) {
      out += "{\"score\":";
      append_json_float(out, prediction.scores[id]);
      out += ",\"label\":";
      append_json_string(out, labels[id]);
    } else {
      out += "{\"label\":";
      append_json_string(out, labels[id]);
      out += ",\"score\":";
      append_json_float(out, prediction.scores[id]);
    }
    out += '}';
  }
  out += ']';
}

std::optional<Problem> check_texts(const BatchText& text, const WireLimits& limits) {
  if (text.pair) {
    if (auto wrong = check_text(*text.pair, limits)) return wrong;
  }
  return check_text(text.text, limits);
}

OrProblem<BatchText> parse_text_or_pair(const Json& value, const WireLimits& limits) {
  BatchText text;
  if (value.is_object()) {
    SERVER_TRY(text.text, value.string("text"));
    if (const auto pair = value.find("text_pair")) {
      SERVER_TRY(text.pair, pair->as_string());
    }
  } else {
    SERVER_TRY(text.text, value.as_string());
  }
  if (auto wrong = check_texts(text, limits)) return tl::unexpected<Problem>(*std::move(wrong));
  return text;
}

}  // namespace valence::server
