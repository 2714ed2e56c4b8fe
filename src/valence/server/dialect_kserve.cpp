#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "valence/engine/postprocess.h"
#include "valence/server/dialects.h"

namespace valence::server {
namespace {

// What this server calls its tensors.
constexpr std::string_view kTextInput = "text";
constexpr std::string_view kProbabilities = "probabilities";
constexpr std::string_view kLogits = "logits";
constexpr std::string_view kLabel = "label";
// A version may be asked for by this, whatever the weights' hash is.
constexpr std::string_view kFirstVersion = "1";

struct WantedOutput {
  std::string name;
  std::size_t classification = 0;  // Triton's extension: how many "value:index:label"; 0: a plain tensor
};

struct InferRequest {
  std::optional<std::string> id;
  std::vector<BatchText> texts;
  std::vector<WantedOutput> outputs;
  std::optional<std::int64_t> timeout_us;
};

OrProblem<std::vector<std::int64_t>> parse_shape(const Json& tensor) {
  SERVER_TRY(const Json shape, tensor.at("shape"));
  SERVER_TRY(const auto items, shape.items());
  std::vector<std::int64_t> extents;
  for (const Json& item : items) {
    SERVER_TRY(const std::int64_t extent, item.as_integer());
    if (extent < 0) return problem(ProblemKind::kValidation, "shape: an extent below 0");
    extents.push_back(extent);
  }
  return extents;
}

/// The strings of `data`, flat or nested, in row-major order.
OrProblem<std::vector<std::string>> flatten(const Json& data, int depth) {
  SERVER_TRY(const auto items, data.items());
  std::vector<std::string> strings;
  for (const Json& item : items) {
    if (item.is_array() && depth > 0) {
      SERVER_PASS(auto inner, flatten(item, depth - 1));
      std::move(inner.begin(), inner.end(), std::back_inserter(strings));
    } else {
      SERVER_TRY(std::string text, item.as_string());
      strings.push_back(std::move(text));
    }
  }
  return strings;
}

OrProblem<std::vector<BatchText>> parse_texts(const Json& tensor, const WireLimits& limits) {
  SERVER_TRY(const std::string name, tensor.string("name"));
  if (name != kTextInput) {
    return problem(ProblemKind::kValidation, fmt::format("unexpected input {}", in_quotes(name)),
                   "the model has one input, \"text\"");
  }
  SERVER_TRY(const std::string datatype, tensor.string("datatype"));
  if (datatype != "BYTES") {
    return problem(ProblemKind::kValidation, fmt::format("input \"text\" is BYTES, not {}", in_quotes(datatype)));
  }
  SERVER_PASS(const auto shape, parse_shape(tensor));
  const bool pairs = shape.size() == 2 && shape[1] == 2;
  if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[1] != 1 && shape[1] != 2)) {
    return problem(ProblemKind::kValidation, "input \"text\" has the shape [n], [n,1] or, for pairs, [n,2]");
  }
  SERVER_TRY(const Json data, tensor.at("data"));
  SERVER_PASS(auto strings, flatten(data, 1));
  const std::size_t columns = pairs ? 2 : 1;
  const auto rows = static_cast<std::size_t>(shape[0]);
  if (strings.size() % columns != 0 || strings.size() / columns != rows) {
    return problem(ProblemKind::kValidation, fmt::format("input \"text\" has {} elements; its shape is [{}]",
                                                         strings.size(), fmt::join(shape, ",")));
  }
  if (strings.empty()) return problem(ProblemKind::kEmpty, "input \"text\" is empty");
  if (rows > limits.max_texts) {
    return problem(ProblemKind::kTooLarge, fmt::format("{} texts; the limit is {}", rows, limits.max_texts));
  }
  std::vector<BatchText> texts;
  for (std::size_t i = 0; i < strings.size(); i += columns) {
    BatchText& text = texts.emplace_back();
    text.text = std::move(strings[i]);
    if (pairs) text.pair = std::move(strings[i + 1]);
    if (auto wrong = check_texts(text, limits)) return tl::unexpected<Problem>(*std::move(wrong));
  }
  return texts;
}

OrProblem<std::vector<WantedOutput>> parse_outputs(const Json& json) {
  const auto given = json.find("outputs");
  if (!given) {
    return std::vector<WantedOutput>{{std::string(kProbabilities)}, {std::string(kLogits)}, {std::string(kLabel)}};
  }
  SERVER_TRY(const auto items, given->items());
  std::vector<WantedOutput> outputs;
  for (const Json& item : items) {
    WantedOutput output;
    SERVER_TRY(output.name, item.string("name"));
    if (output.name != kProbabilities && output.name != kLogits && output.name != kLabel) {
      return problem(ProblemKind::kValidation, fmt::format("unexpected output {}", in_quotes(output.name)),
                     "the model has the outputs \"probabilities\", \"logits\" and \"label\"");
    }
    if (const auto parameters = item.find("parameters")) {
      SERVER_TRY(const std::int64_t count, parameters->integer_or("classification", 0));
      if (count < 0) return problem(ProblemKind::kValidation, "classification: expected 1 or more");
      output.classification = static_cast<std::size_t>(count);
    }
    if (output.classification > 0 && output.name == kLabel) {
      return problem(ProblemKind::kValidation, "output \"label\" holds no numbers to classify by");
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

OrProblem<InferRequest> parse(std::string_view body, const WireLimits& limits) {
  SERVER_PASS(const Json json, parse_json(body));
  InferRequest request;
  if (const auto id = json.find("id")) {
    SERVER_TRY(request.id, id->as_string());
  }
  SERVER_TRY(const Json inputs, json.at("inputs"));
  SERVER_TRY(const auto tensors, inputs.items());
  if (tensors.size() != 1) {
    return problem(ProblemKind::kValidation, fmt::format("{} inputs; the model has one, \"text\"", tensors.size()));
  }
  SERVER_PASS(request.texts, parse_texts(tensors.front(), limits));
  SERVER_PASS(request.outputs, parse_outputs(json));
  if (const auto parameters = json.find("parameters")) {
    if (const auto timeout = parameters->find("timeout")) {  // microseconds, as in Triton
      SERVER_TRY(request.timeout_us, timeout->as_integer());
      if (*request.timeout_us < 1) return problem(ProblemKind::kValidation, "timeout: expected 1 or more");
    }
  }
  return request;
}

void append_classification(std::string& out, const std::vector<Prediction>& predictions,
                           const std::vector<std::string>& labels, std::size_t count) {
  count = std::min(count, labels.size());
  out += fmt::format(R"("shape":[{},{}],"datatype":"BYTES","data":[)", predictions.size(), count);
  for (const Prediction& prediction : predictions) {
    for (const std::int32_t label : top_labels(prediction.scores, count)) {
      if (!out.ends_with('[')) out += ',';
      const auto id = static_cast<std::size_t>(label);
      std::string entry;
      append_json_float(entry, prediction.scores[id]);
      append_json_string(out, fmt::format("{}:{}:{}", entry, label, labels[id]));
    }
  }
  out += ']';
}

void append_floats(std::string& out, const std::vector<Prediction>& predictions, std::size_t num_labels) {
  out += fmt::format(R"("shape":[{},{}],"datatype":"FP32","data":[)", predictions.size(), num_labels);
  for (const Prediction& prediction : predictions) {
    for (const float score : prediction.scores) {
      if (!out.ends_with('[')) out += ',';
      append_json_float(out, score);
    }
  }
  out += ']';
}

HttpResponse render(const Call& call, const pipeline::ServiceReply& reply, const InferRequest& asked) {
  const auto refuse = [&](const Problem& wrong) { return to_response(wrong, call.style(), call.request().id); };
  if (const auto wrong = first_error(reply)) return refuse(*wrong);
  const auto& model = *reply.request.model;
  const auto& labels = model.classifier->labels();
  const auto scores = rescored(reply, ScoreFunction::kModel);
  if (!scores) return refuse(scores.error());
  const auto logits = rescored(reply, ScoreFunction::kNone);
  std::string body = "{\"model_name\":";
  append_json_string(body, model.name);
  body += ",\"model_version\":";
  append_json_string(body, model.version);
  if (asked.id) {
    body += ",\"id\":";
    append_json_string(body, *asked.id);
  }
  body += ",\"outputs\":[";
  for (const WantedOutput& output : asked.outputs) {
    if (!body.ends_with('[')) body += ',';
    body += fmt::format("{{\"name\":\"{}\",", output.name);
    const auto& values = output.name == kLogits ? *logits : *scores;
    if (output.name == kLabel) {
      body += fmt::format(R"("shape":[{}],"datatype":"BYTES","data":[)", scores->size());
      for (const Prediction& prediction : *scores) {
        if (!body.ends_with('[')) body += ',';
        append_json_string(body, labels[static_cast<std::size_t>(prediction.label_id)]);
      }
      body += ']';
    } else if (output.classification > 0) {
      append_classification(body, values, labels, output.classification);
    } else {
      append_floats(body, values, labels.size());
    }
    body += '}';
  }
  body += "]}";
  return {.content_type = "application/json", .body = std::move(body)};
}

OrProblem<std::shared_ptr<const pipeline::ServedModel>> find_version(const ServerContext& context, const Call& call) {
  const auto& parameters = call.request().parameters;
  SERVER_PASS(auto model, find_model(context, parameters[0]));
  if (parameters.size() > 1 && parameters[1] != model->version && parameters[1] != kFirstVersion) {
    return problem(ProblemKind::kModelNotFound,
                   fmt::format("model {} has no version {}", in_quotes(parameters[0]), in_quotes(parameters[1])),
                   fmt::format("its version is {}", model->version));
  }
  return model;
}

void infer(ServerContext& context, const CallPointer& call) {
  auto model = find_version(context, *call);
  if (!model) return call->refuse(model.error());
  if (!call->request().header("inference-header-content-length").empty()) {
    return call->refuse({ProblemKind::kBadRequest, "binary tensors are not read", "send the tensors as JSON"});
  }
  auto asked = parse(call->request().body, context.limits);
  if (!asked) return call->refuse(asked.error());
  auto request = request_for(context, *std::move(model), std::move(asked->texts));
  if (asked->timeout_us)
    request.timeout = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::microseconds(*asked->timeout_us));
  classify(context, call, std::move(request),
           [asked = *std::move(asked)](const Call& answered, const pipeline::ServiceReply& reply) {
             return render(answered, reply, asked);
           });
}

void describe(ServerContext& context, const CallPointer& call) {
  const auto model = find_version(context, *call);
  if (!model) return call->refuse(model.error());
  std::string body = "{\"name\":";
  append_json_string(body, (*model)->name);
  body += ",\"versions\":[";
  append_json_string(body, (*model)->version);
  body += fmt::format(R"(],"platform":"valence","inputs":[{{"name":"text","datatype":"BYTES","shape":[-1]}}],)"
                      R"("outputs":[{{"name":"probabilities","datatype":"FP32","shape":[-1,{0}]}},)"
                      R"({{"name":"logits","datatype":"FP32","shape":[-1,{0}]}},)"
                      R"({{"name":"label","datatype":"BYTES","shape":[-1]}}]}})",
                      (*model)->classifier->labels().size());
  call->answer_json(std::move(body));
}

void model_ready(ServerContext& context, const CallPointer& call) {
  const auto model = find_version(context, *call);
  if (!model) return call->refuse(model.error());
  std::string body = "{\"name\":";
  append_json_string(body, (*model)->name);
  call->answer_json(body + ",\"ready\":true}");
}

}  // namespace

std::vector<Route> kserve_routes(ServerContext& context) {
  const auto get = [](std::string_view path, AccessLevel access, std::function<void(CallPointer)> handle) {
    return Route{.method = "GET",
                 .pattern = path,
                 .access = access,
                 .style = ErrorStyle::kKServe,
                 .while_draining = access == AccessLevel::kPublic,
                 .handle = std::move(handle)};
  };
  std::vector<Route> routes{
      get("/v2/health/live", AccessLevel::kPublic,
          [](const CallPointer& call) { call->answer_json(R"({"live":true})"); }),
      get("/v2/health/ready", AccessLevel::kPublic,
          [&context](const CallPointer& call) {
            const bool ready = context.lifecycle.ready && !context.lifecycle.draining;
            call->answer_json(ready ? R"({"ready":true})" : R"({"ready":false})", ready ? 200 : 503);
          }),
      get("/v2", AccessLevel::kRead,
          [&context](const CallPointer& call) {
            call->answer_json(
                fmt::format(R"({{"name":"valence","version":"{}","extensions":["classification"]}})", context.version));
          }),
  };
  for (const std::string_view model : {"/v2/models/{}", "/v2/models/{}/versions/{}"}) {
    const bool versioned = model.ends_with("versions/{}");
    routes.push_back(get(model, AccessLevel::kRead, [&context](const CallPointer& call) { describe(context, call); }));
    routes.push_back(get(versioned ? "/v2/models/{}/versions/{}/ready" : "/v2/models/{}/ready", AccessLevel::kRead,
                         [&context](const CallPointer& call) { model_ready(context, call); }));
    routes.push_back({.method = "POST",
                      .pattern = versioned ? "/v2/models/{}/versions/{}/infer" : "/v2/models/{}/infer",
                      .style = ErrorStyle::kKServe,
                      .body = RouteBody::kJson,
                      .handle = [&context](const CallPointer& call) { infer(context, call); }});
  }
  return routes;
}

}  // namespace valence::server
