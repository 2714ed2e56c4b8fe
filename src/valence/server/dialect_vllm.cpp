#include <fmt/format.h>

#include <array>

#include "valence/server/dialects.h"

namespace valence::server {
namespace {

// Members that older versions of the peer had and that it refuses by now.
constexpr std::array kRemoved{"softmax", "activation", "normalize"};

struct ClassifyRequest {
  std::vector<BatchText> texts;
  bool use_activation = true;
  bool truncate = false;
};

/// How a prompt is read before it is classified.
struct PromptOptions {
  bool add_special_tokens = true;
  std::optional<std::int64_t> truncate_prompt_tokens;  // -1: to the model's length
  std::optional<TruncationSide> side;
};

OrProblem<PromptOptions> parse_prompt_options(const Json& json) {
  PromptOptions options;
  SERVER_TRY(options.add_special_tokens, json.boolean_or("add_special_tokens", true));
  if (const auto given = json.find("truncate_prompt_tokens")) {
    SERVER_TRY(options.truncate_prompt_tokens, given->as_integer());
    if (*options.truncate_prompt_tokens < -1 || *options.truncate_prompt_tokens == 0) {
      return problem(ProblemKind::kValidation, "truncate_prompt_tokens: expected -1, or 1 and more");
    }
  }
  SERVER_TRY(const std::string side, json.string_or("truncation_side", ""));
  if (side == "left") options.side = TruncationSide::kLeft;
  if (side == "right") options.side = TruncationSide::kRight;
  if (!side.empty() && !options.side) {
    return problem(ProblemKind::kValidation, "truncation_side: expected left or right");
  }
  return options;
}

/// A prompt that is not read as the model's tokenizer would by itself becomes token ids here.
OrProblem<BatchText> read_prompt(std::string text, const PromptOptions& options, const Classifier& classifier) {
  BatchText prompt{.text = std::move(text), .truncation_side = options.side};
  const bool cuts_shorter = options.truncate_prompt_tokens.value_or(-1) > 0;
  if (options.add_special_tokens && !cuts_shorter) return prompt;
  const std::size_t room = cuts_shorter ? static_cast<std::size_t>(*options.truncate_prompt_tokens) : 0;
  SERVER_TRY(Encoding encoding,
             classifier.tokenizer().encode(prompt.text, {.max_length = room,
                                                         .truncation_side = options.side,
                                                         .add_special_tokens = options.add_special_tokens,
                                                         .with_offsets = false}));
  prompt.token_ids = std::move(encoding.ids);
  return prompt;
}

Problem too_long(const Classifier& classifier, std::size_t tokens) {
  return {ProblemKind::kValidation,
          fmt::format("This model's maximum context length is {} tokens. However, you requested {} tokens in the input "
                      "for classification. Please reduce the length of the input.",
                      classifier.max_length(), tokens),
          ""};
}

/// Ids that are too many are cut as asked, or refused.
OrProblem<BatchText> fit(BatchText prompt, const PromptOptions& options, const Classifier& classifier) {
  if (!prompt.token_ids || prompt.token_ids->size() <= classifier.max_length()) return prompt;
  if (!options.truncate_prompt_tokens) {
    return tl::unexpected<Problem>(too_long(classifier, prompt.token_ids->size()));
  }
  auto& ids = *prompt.token_ids;
  const auto beyond = static_cast<std::ptrdiff_t>(ids.size() - classifier.max_length());
  if (options.side == TruncationSide::kLeft) {
    ids.erase(ids.begin(), ids.begin() + beyond);
  } else {
    ids.resize(classifier.max_length());
  }
  return prompt;
}

OrProblem<ClassifyRequest> parse(const Json& json, const Classifier& classifier, const WireLimits& limits) {
  for (const char* removed : kRemoved) {
    if (json.find(removed)) {
      return problem(ProblemKind::kValidation, fmt::format("{} is not supported any more", removed),
                     "use_activation: false asks for logits");
    }
  }
  if (json.find("messages")) {
    return problem(ProblemKind::kValidation, "messages: the model has no chat template", "send `input`");
  }
  ClassifyRequest request;
  SERVER_TRY(request.use_activation, json.boolean_or("use_activation", true));
  SERVER_PASS(const PromptOptions options, parse_prompt_options(json));
  request.truncate = options.truncate_prompt_tokens.has_value();
  SERVER_TRY(const Json input, json.at("input"));
  std::vector<Json> items{input};
  if (input.is_array()) {
    SERVER_TRY(items, input.items());
    if (!items.empty() && items.front().is_number()) items = {input};  // one list of token ids
  }
  if (items.empty()) return problem(ProblemKind::kEmpty, "input is empty");
  if (items.size() > limits.max_texts) {
    return problem(ProblemKind::kTooLarge, fmt::format("{} inputs; the limit is {}", items.size(), limits.max_texts));
  }
  for (const Json& item : items) {
    BatchText prompt;
    if (item.is_array()) {
      SERVER_TRY(const auto numbers, item.items());
      SERVER_PASS(prompt.token_ids, token_ids(numbers));
    } else {
      SERVER_TRY(std::string text, item.as_string());
      if (auto wrong = check_text(text, limits)) return tl::unexpected<Problem>(*std::move(wrong));
      SERVER_PASS(prompt, read_prompt(std::move(text), options, classifier));
    }
    SERVER_PASS(prompt, fit(std::move(prompt), options, classifier));
    request.texts.push_back(std::move(prompt));
  }
  return request;
}

HttpResponse render(const Call& call, const pipeline::ServiceReply& reply, bool use_activation, bool truncate,
                    std::int64_t created) {
  const auto refuse = [&](const Problem& wrong) { return to_response(wrong, call.style(), call.request().id); };
  if (const auto wrong = first_error(reply)) return refuse(*wrong);
  const Classifier& classifier = *reply.request.model->classifier;
  for (std::size_t i = 0; !truncate && i < reply.predictions.size(); ++i) {
    if (!reply.predictions[i]->truncated) continue;
    const auto encoding = classifier.tokenizer().encode(reply.request.texts[i].text, {.with_offsets = false});
    return refuse(too_long(classifier, encoding ? encoding->ids.size() : 0));
  }
  const auto predictions = rescored(reply, use_activation ? ScoreFunction::kModel : ScoreFunction::kNone);
  if (!predictions) return refuse(predictions.error());
  std::string body =
      fmt::format(R"({{"id":"classify-{}","object":"list","created":{},"model":)", call.request().id, created);
  append_json_string(body, reply.request.model->name);
  body += ",\"data\":[";
  std::uint64_t tokens = 0;
  for (std::size_t i = 0; i < predictions->size(); ++i) {
    const Prediction& prediction = (*predictions)[i];
    tokens += prediction.tokens;
    fmt::format_to(std::back_inserter(body), R"({}{{"index":{},"label":)", i == 0 ? "" : ",", i);
    append_json_string(body, classifier.labels()[static_cast<std::size_t>(prediction.label_id)]);
    body += ",\"probs\":[";
    for (const float score : prediction.scores) {
      if (!body.ends_with('[')) body += ',';
      append_json_float(body, score);
    }
    fmt::format_to(std::back_inserter(body), "],\"num_classes\":{}}}", prediction.scores.size());
  }
  body += fmt::format(
      R"(],"usage":{{"prompt_tokens":{0},"total_tokens":{0},"completion_tokens":0,"prompt_tokens_details":null}}}})",
      tokens);
  return {.content_type = "application/json", .body = std::move(body)};
}

OrProblem<std::optional<std::string>> model_name(const Json& json) {
  const auto model = json.find("model");
  if (!model) return std::nullopt;
  SERVER_TRY(std::string name, model->as_string());
  return std::optional(std::move(name));
}

void classify_vllm(ServerContext& context, const CallPointer& call) {
  const auto json = parse_json(call->request().body);
  if (!json) return call->refuse(json.error());
  const auto name = model_name(*json);
  if (!name) return call->refuse(name.error());
  auto model = find_model(context, *name);
  if (!model) return call->refuse(model.error());
  auto request = parse(*json, *(*model)->classifier, context.limits);
  if (!request) return call->refuse(request.error());
  const std::int64_t created = context.clock.unix_ms() / 1000;
  auto work = request_for(context, *std::move(model), std::move(request->texts));
  work.refuses_cut = !request->truncate;
  classify(context, call, std::move(work),
           [use_activation = request->use_activation, truncate = request->truncate, created](
               const Call& asked, const pipeline::ServiceReply& reply) {
             return render(asked, reply, use_activation, truncate, created);
           });
}

OrProblem<std::string> tokenize_body(ServerContext& context, const Json& json) {
  SERVER_PASS(const auto name, model_name(json));
  SERVER_PASS(const auto model, find_model(context, name));
  if (json.find("messages")) {
    return problem(ProblemKind::kValidation, "messages: the model has no chat template", "send `prompt`");
  }
  SERVER_TRY(const std::string prompt, json.string("prompt"));
  if (auto wrong = check_text(prompt, context.limits)) return tl::unexpected<Problem>(*std::move(wrong));
  SERVER_TRY(const bool special_tokens, json.boolean_or("add_special_tokens", true));
  SERVER_TRY(const bool strings, json.boolean_or("return_token_strs", false));
  const Tokenizer& tokenizer = model->classifier->tokenizer();
  SERVER_TRY(const Encoding encoding,
             tokenizer.encode(prompt, {.add_special_tokens = special_tokens, .with_offsets = false}));
  std::string body = fmt::format(R"({{"count":{},"max_model_len":{},"tokens":[{}],"token_strs":)", encoding.ids.size(),
                                 model->classifier->max_length(), fmt::join(encoding.ids, ","));
  if (!strings) return body + "null}";
  body += '[';
  for (const std::int32_t id : encoding.ids) {
    if (!body.ends_with('[')) body += ',';
    append_json_string(body, tokenizer.id_to_token(id).value_or(""));
  }
  return body + "]}";
}

}  // namespace

void vllm_tokenize(ServerContext& context, const CallPointer& call, const Json& json) {
  call->set_style(ErrorStyle::kOpenAi);
  auto body = tokenize_body(context, json);
  if (!body) return call->refuse(body.error());
  call->answer_json(*std::move(body));
}

std::vector<Route> vllm_routes(ServerContext& context) {
  return {
      {.method = "POST",
       .pattern = "/classify",
       .style = ErrorStyle::kOpenAi,
       .body = RouteBody::kJson,
       .handle = [&context](const CallPointer& call) { classify_vllm(context, call); }},
  };
}

}  // namespace valence::server
