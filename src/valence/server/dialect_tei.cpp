#include <fmt/format.h>

#include <cmath>

#include "valence/base/utf8.h"
#include "valence/server/dialects.h"

namespace valence::server {
namespace {

// The peer's default of --max-client-batch-size; the native dialect has its own, higher one.
constexpr std::size_t kMaxInputs = 32;

struct PredictRequest {
  std::vector<BatchText> texts;
  bool batched = false;  // the reply is a list of lists
  bool truncate = true;
  bool raw_scores = false;
  std::size_t top_k = 0;  // not the peer's: 0 is all
};

constexpr const char* kForms = "expected a string, [a string], a pair [a, b], or a list of such lists";

OrProblem<BatchText> parse_sequence(const std::vector<Json>& strings, const WireLimits& limits) {
  if (strings.empty() || strings.size() > 2) {
    return problem(ProblemKind::kValidation,
                   fmt::format("`inputs`: {} strings in one list: {}", strings.size(), kForms),
                   R"(several texts are sent as [["a"], ["b"], ["c"]])");
  }
  BatchText text;
  SERVER_TRY(text.text, strings[0].as_string());
  if (strings.size() == 2) {
    SERVER_TRY(text.pair, strings[1].as_string());
  }
  if (auto wrong = check_texts(text, limits)) return tl::unexpected<Problem>(*std::move(wrong));
  return text;
}

OrProblem<std::optional<TruncationSide>> parse_direction(const Json& json) {
  SERVER_TRY(const std::string word, json.string_or("truncation_direction", "Right"));
  if (word == "Right" || word == "right") return std::optional(TruncationSide::kRight);
  if (word == "Left" || word == "left") return std::optional(TruncationSide::kLeft);
  return problem(ProblemKind::kValidation, "truncation_direction: expected Left or Right");
}

OrProblem<PredictRequest> parse_predict(std::string_view body, const WireLimits& limits) {
  SERVER_PASS(const Json json, parse_json(body));
  SERVER_TRY(const Json inputs, json.at("inputs"));
  PredictRequest request;
  if (inputs.is_string()) {
    SERVER_PASS(BatchText text, parse_text_or_pair(inputs, limits));
    request.texts.push_back(std::move(text));
  } else {
    SERVER_TRY(const auto items, inputs.items());
    if (items.empty()) return problem(ProblemKind::kEmpty, "`inputs` cannot be empty");
    request.batched = items.front().is_array();
    if (!request.batched) {
      SERVER_PASS(BatchText text, parse_sequence(items, limits));
      request.texts.push_back(std::move(text));
    }
    if (request.batched && items.size() > kMaxInputs) {
      return problem(ProblemKind::kValidation,
                     fmt::format("batch size {} > maximum allowed batch size {}", items.size(), kMaxInputs));
    }
    for (std::size_t i = 0; request.batched && i < items.size(); ++i) {
      SERVER_TRY(const auto strings, items[i].items());
      SERVER_PASS(BatchText text, parse_sequence(strings, limits));
      request.texts.push_back(std::move(text));
    }
  }
  for (const BatchText& text : request.texts) {
    if (text.text.empty()) return problem(ProblemKind::kEmpty, "`inputs` cannot be empty");
  }
  SERVER_TRY(request.truncate, json.boolean_or("truncate", true));
  SERVER_TRY(request.raw_scores, json.boolean_or("raw_scores", false));
  SERVER_PASS(const auto side, parse_direction(json));
  for (BatchText& text : request.texts) text.truncation_side = side;
  SERVER_TRY(const std::int64_t top_k, json.integer_or("top_k", 0));
  if (top_k < 0) return problem(ProblemKind::kValidation, "top_k: expected a number from 1 on");
  request.top_k = static_cast<std::size_t>(top_k);
  return request;
}

/// The tokens that text `i` has before it is cut.
std::size_t full_length(const pipeline::ServiceReply& reply, std::size_t i) {
  const Tokenizer& tokenizer = reply.request.model->classifier->tokenizer();
  const BatchText& text = reply.request.texts[i];
  const EncodeOptions options{.with_offsets = false};
  const auto encoding =
      text.pair ? tokenizer.encode_pair(text.text, *text.pair, options) : tokenizer.encode(text.text, options);
  return encoding ? encoding->ids.size() : 0;
}

/// Whole milliseconds; those of the stages are means over the texts.
void add_timing(HttpResponse& response, const pipeline::ServiceReply& reply) {
  const auto texts = static_cast<double>(reply.predictions.size());
  std::uint64_t tokens = 0;
  std::size_t characters = 0;
  for (const auto& prediction : reply.predictions) tokens += prediction->tokens;
  for (const BatchText& text : reply.request.texts) {
    for (const char c : text.text) characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }
  const double tokenize = reply.tokenize_seconds / texts;
  const double inference = reply.inference_seconds / texts;
  const auto add = [&](const char* name, double seconds) {
    response.headers.emplace_back(name, fmt::format("{:.0f}", std::floor(seconds * 1000)));
  };
  response.headers.emplace_back("x-compute-type", "cpu");
  add("x-compute-time", reply.tokenize_seconds + reply.inference_seconds);
  response.headers.emplace_back("x-compute-characters", std::to_string(characters));
  response.headers.emplace_back("x-compute-tokens", std::to_string(tokens));
  add("x-total-time", reply.queue_seconds + reply.tokenize_seconds + reply.inference_seconds);
  add("x-tokenization-time", tokenize);
  add("x-queue-time", reply.queue_seconds);
  add("x-inference-time", inference);
}

HttpResponse render_predict(const Call& call, const pipeline::ServiceReply& reply, const PredictRequest& asked) {
  const auto refuse = [&](const Problem& wrong) { return to_response(wrong, call.style(), call.request().id); };
  if (const auto wrong = first_error(reply)) return refuse(*wrong);
  for (std::size_t i = 0; !asked.truncate && i < reply.predictions.size(); ++i) {
    if (!reply.predictions[i]->truncated) continue;
    return refuse(
        {ProblemKind::kValidation, fmt::format("`inputs` must have less than {} tokens. Given: {}",
                                               reply.request.model->classifier->max_length(), full_length(reply, i))});
  }
  const auto predictions = rescored(reply, asked.raw_scores ? ScoreFunction::kNone : ScoreFunction::kModel);
  if (!predictions) return refuse(predictions.error());
  std::string body = asked.batched ? "[" : "";
  for (const Prediction& prediction : *predictions) {
    if (body.size() > 1) body += ',';
    append_ranked(body, prediction, reply.request.model->classifier->labels(), asked.top_k, true);
  }
  if (asked.batched) body += ']';
  HttpResponse response{.content_type = "application/json", .body = std::move(body)};
  add_timing(response, reply);
  return response;
}

void predict(ServerContext& context, const CallPointer& call) {
  auto model = find_model(context, std::nullopt);
  if (!model) return call->refuse(model.error());
  auto request = parse_predict(call->request().body, context.limits);
  if (!request) return call->refuse(request.error());
  auto work = request_for(context, *std::move(model), std::move(request->texts));
  work.refuses_cut = !request->truncate;
  classify(context, call, std::move(work),
           [asked = *std::move(request)](const Call& answered, const pipeline::ServiceReply& reply) {
             return render_predict(answered, reply, asked);
           });
}

/// [{"id","text","special","start","stop"}...]; start and stop count code points of the text.
Status append_tokens(std::string& out, const Tokenizer& tokenizer, const std::string& text, bool special_tokens) {
  VALENCE_TRY(const Encoding encoding, tokenizer.encode(text, {.add_special_tokens = special_tokens}));
  std::vector<std::uint32_t> chars(text.size() + 1);  // byte offset -> code points before it
  for (std::size_t i = 0; i < text.size(); ++i) {
    chars[i + 1] = chars[i] + ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U ? 1 : 0);
  }
  const auto chars_before = [&](std::uint32_t byte) {
    // Inside a character the count above is one ahead; offsets lie on boundaries.
    return byte == 0 ? 0U : chars[byte];
  };
  out += '[';
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    if (i > 0) out += ',';
    const bool special = encoding.special_tokens_mask[i] != 0;
    const ByteSpan span = encoding.offsets[i];
    fmt::format_to(std::back_inserter(out), "{{\"id\":{},\"text\":", encoding.ids[i]);
    append_json_string(out, special ? to_valid_utf8(tokenizer.id_to_token(encoding.ids[i]).value_or(""))
                                    : to_valid_utf8(std::string_view(text).substr(span.begin, span.end - span.begin)));
    if (special) {
      out += ",\"special\":true,\"start\":null,\"stop\":null}";
    } else {
      fmt::format_to(std::back_inserter(out), ",\"special\":false,\"start\":{},\"stop\":{}}}", chars_before(span.begin),
                     chars_before(span.end));
    }
  }
  out += ']';
  return {};
}

OrProblem<std::string> tokenize_body(ServerContext& context, const Json& json) {
  SERVER_PASS(const auto model, find_model(context, std::nullopt));
  SERVER_TRY(const bool special_tokens, json.boolean_or("add_special_tokens", true));
  SERVER_TRY(const Json inputs, json.at("inputs"));
  std::vector<Json> items{inputs};
  if (inputs.is_array()) {
    SERVER_TRY(items, inputs.items());
  }
  if (items.empty()) return problem(ProblemKind::kEmpty, "`inputs` cannot be empty");
  if (items.size() > kMaxInputs) {
    return problem(ProblemKind::kValidation,
                   fmt::format("batch size {} > maximum allowed batch size {}", items.size(), kMaxInputs));
  }
  std::string body = "[";
  for (const Json& item : items) {
    SERVER_TRY(const std::string text, item.as_string());
    if (auto wrong = check_text(text, context.limits)) return tl::unexpected<Problem>(*std::move(wrong));
    if (body.size() > 1) body += ',';
    if (const Status told = append_tokens(body, model->classifier->tokenizer(), text, special_tokens); !told) {
      return problem(ProblemKind::kValidation, told.error().to_string());
    }
  }
  return body + ']';
}

void tokenize(ServerContext& context, const CallPointer& call) {
  const auto json = parse_json(call->request().body);
  if (!json) return call->refuse(json.error());
  if (json->find("prompt") || json->find("messages")) return vllm_tokenize(context, call, *json);
  auto body = tokenize_body(context, *json);
  if (!body) return call->refuse(body.error());
  call->answer_json(*std::move(body));
}

OrProblem<std::string> decode_body(ServerContext& context, std::string_view text) {
  SERVER_PASS(const auto model, find_model(context, std::nullopt));
  SERVER_PASS(const Json json, parse_json(text));
  SERVER_TRY(const bool skip_special_tokens, json.boolean_or("skip_special_tokens", true));
  SERVER_TRY(const Json ids, json.at("ids"));
  SERVER_TRY(auto lists, ids.items());
  if (lists.empty()) return problem(ProblemKind::kEmpty, "`ids` cannot be empty");
  if (!lists.front().is_array()) lists = {ids};
  if (lists.size() > kMaxInputs) {
    return problem(ProblemKind::kValidation,
                   fmt::format("batch size {} > maximum allowed batch size {}", lists.size(), kMaxInputs));
  }
  std::string body = "[";
  for (const Json& list : lists) {
    SERVER_TRY(const auto numbers, list.items());
    SERVER_PASS(const auto sequence, token_ids(numbers));
    SERVER_TRY(const std::string decoded,
               model->classifier->tokenizer().decode(sequence, {.skip_special_tokens = skip_special_tokens}));
    if (body.size() > 1) body += ',';
    append_json_string(body, decoded);
  }
  return body + ']';
}

void decode(ServerContext& context, const CallPointer& call) {
  auto body = decode_body(context, call->request().body);
  if (!body) return call->refuse(body.error());
  call->answer_json(*std::move(body));
}

void info(ServerContext& context, const CallPointer& call) {
  const auto model = find_model(context, std::nullopt);
  if (!model) return call->refuse(model.error());
  const Classifier& classifier = *(*model)->classifier;
  const auto& batcher = context.service.options().batcher;
  std::string body = "{\"model_id\":";
  append_json_string(body, (*model)->source);
  body += ",\"model_sha\":";
  append_json_string(body, (*model)->version);
  body += fmt::format(",\"model_dtype\":\"{}\",\"served_model_name\":", name(classifier.precision()));
  append_json_string(body, (*model)->name);
  body += ",\"model_type\":{\"classifier\":{\"id2label\":{";
  const auto& labels = classifier.labels();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    body += fmt::format("{}\"{}\":", i == 0 ? "" : ",", i);
    append_json_string(body, labels[i]);
  }
  body += "},\"label2id\":{";
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) body += ',';
    append_json_string(body, labels[i]);
    body += fmt::format(":{}", i);
  }
  body += fmt::format(
      R"(}}}}}},"max_concurrent_requests":{},"max_input_length":{},"max_batch_tokens":{},"max_batch_requests":null,)"
      R"("max_client_batch_size":{},"auto_truncate":true,"tokenization_workers":{},"version":"{}","sha":null,)"
      R"("docker_label":null}})",
      batcher.queue.max_requests, classifier.max_length(), batcher.max_batch_tokens, kMaxInputs, classifier.threads(),
      context.version);
  call->answer_json(std::move(body));
}

}  // namespace

std::vector<Route> tei_routes(ServerContext& context) {
  const auto post = [](std::string_view path, std::function<void(CallPointer)> handle) {
    return Route{.method = "POST",
                 .pattern = path,
                 .style = ErrorStyle::kTei,
                 .body = RouteBody::kJson,
                 .handle = std::move(handle)};
  };
  return {
      post("/predict", [&context](const CallPointer& call) { predict(context, call); }),
      post("/tokenize", [&context](const CallPointer& call) { tokenize(context, call); }),
      post("/decode", [&context](const CallPointer& call) { decode(context, call); }),
      {.method = "GET",
       .pattern = "/info",
       .style = ErrorStyle::kTei,
       .handle = [&context](const CallPointer& call) { info(context, call); }},
  };
}

}  // namespace valence::server
