#include <fmt/format.h>

#include "valence/server/dialects.h"

namespace valence::server {
namespace {

struct HuggingFaceRequest {
  std::vector<BatchText> texts;
  ScoreFunction function = ScoreFunction::kModel;
  std::size_t top_k = 0;  // 0: all
};

OrProblem<ScoreFunction> parse_function(const Json& parameters) {
  const auto given = parameters.find("function_to_apply");
  if (!given) return ScoreFunction::kModel;
  SERVER_TRY(const std::string word, given->as_string());
  if (word == "sigmoid") return ScoreFunction::kSigmoid;
  if (word == "softmax") return ScoreFunction::kSoftmax;
  if (word == "none") return ScoreFunction::kNone;
  return problem(ProblemKind::kValidation, "function_to_apply: expected sigmoid, softmax or none");
}

OrProblem<HuggingFaceRequest> parse(std::string_view body, const WireLimits& limits) {
  SERVER_PASS(const Json json, parse_json(body));
  HuggingFaceRequest request;
  SERVER_TRY(const Json inputs, json.at("inputs"));
  if (inputs.is_array()) {
    SERVER_TRY(const auto items, inputs.items());
    if (items.empty()) return problem(ProblemKind::kEmpty, "`inputs` cannot be empty");
    if (items.size() > limits.max_texts) {
      return problem(ProblemKind::kTooLarge, fmt::format("{} inputs; the limit is {}", items.size(), limits.max_texts));
    }
    for (const Json& item : items) {
      SERVER_PASS(BatchText text, parse_text_or_pair(item, limits));
      request.texts.push_back(std::move(text));
    }
  } else {
    SERVER_PASS(BatchText text, parse_text_or_pair(inputs, limits));
    request.texts.push_back(std::move(text));
  }
  if (const auto parameters = json.find("parameters")) {
    if (!parameters->is_object()) return problem(ProblemKind::kValidation, "parameters: expected an object");
    SERVER_PASS(request.function, parse_function(*parameters));
    SERVER_TRY(const std::int64_t top_k, parameters->integer_or("top_k", 0));
    if (top_k < 0 || (top_k == 0 && parameters->find("top_k"))) {
      return problem(ProblemKind::kValidation, "top_k: expected a number from 1 on");
    }
    request.top_k = static_cast<std::size_t>(top_k);
  }
  return request;
}

void infer(ServerContext& context, const CallPointer& call, const std::optional<std::string>& id) {
  auto model = find_model(context, id);
  if (!model) return call->refuse(model.error());
  auto request = parse(call->request().body, context.limits);
  if (!request) return call->refuse(request.error());
  classify(
      context, call, request_for(context, *std::move(model), std::move(request->texts)),
      [function = request->function, top_k = request->top_k](const Call& asked, const pipeline::ServiceReply& reply) {
        const auto refuse = [&](const Problem& wrong) { return to_response(wrong, asked.style(), asked.request().id); };
        if (const auto wrong = first_error(reply)) return refuse(*wrong);
        const auto predictions = rescored(reply, function);
        if (!predictions) return refuse(predictions.error());
        std::string body = "[";
        for (const Prediction& prediction : *predictions) {
          if (body.size() > 1) body += ',';
          append_ranked(body, prediction, reply.request.model->classifier->labels(), top_k, false);
        }
        body += ']';
        return HttpResponse{.content_type = "application/json", .body = std::move(body)};
      });
}

}  // namespace

std::vector<Route> hugging_face_routes(ServerContext& context) {
  return {
      {.method = "POST",
       .pattern = "/",
       .style = ErrorStyle::kHuggingFace,
       .body = RouteBody::kJson,
       .handle = [&context](const CallPointer& call) { infer(context, call, std::nullopt); }},
      {.method = "POST",
       .pattern = "/models/{...}",
       .style = ErrorStyle::kHuggingFace,
       .body = RouteBody::kJson,
       .handle = [&context](const CallPointer& call) { infer(context, call, std::string(call->parameter(0))); }},
  };
}

}  // namespace valence::server
