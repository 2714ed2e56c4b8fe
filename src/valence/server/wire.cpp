#include "valence/server/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "valence/base/utf8.h"
#include "valence/engine/postprocess.h"

namespace valence::server {
namespace {

constexpr std::string_view kSource = "request";
constexpr std::size_t kMaxMetadataBytes = 16 * 1024;

void append_milliseconds(std::string& out, double seconds) {
  append_json_float(out, static_cast<float>(std::round(seconds * 1e6) / 1e3));
}

}  // namespace

std::optional<Problem> check_name(std::string_view what, std::string_view name) {
  if (name.size() <= kMaxNameBytes) return std::nullopt;
  return Problem{ProblemKind::kValidation, fmt::format("{} has more than {} bytes", what, kMaxNameBytes)};
}

OrProblem<Json> parse_json(std::string_view body) {
  if (body.empty()) return problem(ProblemKind::kInvalidJson, "the body is empty", "send JSON");
  if (const auto bad = find_invalid_utf8(body)) {
    return problem(ProblemKind::kInvalidJson, fmt::format("the body is not UTF-8 at byte {}", *bad),
                   "encode it as UTF-8");
  }
  auto json = Json::parse(body, std::string(kSource), {.max_token_bytes = 2'000'000});
  if (!json) return problem(ProblemKind::kInvalidJson, json.error().what(), json.error().hint());
  return *std::move(json);
}

Problem validation(const Error& error) {
  std::string_view place = error.where();
  if (place.starts_with(kSource)) place.remove_prefix(kSource.size());
  if (place.starts_with(": ")) place.remove_prefix(2);
  return {ProblemKind::kValidation, place.empty() ? error.what() : fmt::format("{}: {}", place, error.what()),
          error.hint()};
}

std::optional<Problem> unknown_member(const Json& object, std::initializer_list<std::string_view> known) {
  const auto members = object.members();
  if (!members) return validation(members.error());
  for (const auto& [name, value] : *members) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return Problem{ProblemKind::kValidation, fmt::format("{} is not a member that is known here", in_quotes(name)),
                   fmt::format("known are {}", fmt::join(known, ", "))};
  }
  return std::nullopt;
}

std::optional<Problem> check_text(std::string_view text, const WireLimits& limits) {
  if (text.size() <= limits.max_text_bytes) return std::nullopt;
  return Problem{ProblemKind::kTooLarge,
                 fmt::format("a text has {} bytes; the limit is {}", text.size(), limits.max_text_bytes),
                 "split it, or classify files with `valence classify`"};
}

OrProblem<NativeText> parse_native_text(const Json& value, const WireLimits& limits) {
  NativeText text;
  if (value.is_string()) {
    SERVER_TRY(text.text, value.as_string());
  } else if (value.is_object()) {
    if (auto wrong = unknown_member(value, {"text", "text_pair", "id", "metadata"})) {
      return tl::unexpected<Problem>(*std::move(wrong));
    }
    SERVER_TRY(text.text, value.string("text"));
    if (const auto pair = value.find("text_pair")) {
      SERVER_TRY(text.text_pair, pair->as_string());
      if (auto wrong = check_text(*text.text_pair, limits)) return tl::unexpected<Problem>(*std::move(wrong));
    }
    if (const auto id = value.find("id")) {
      SERVER_TRY(text.id, id->as_string());
      if (text.id->empty() || text.id->size() > kMaxNameBytes) {
        return problem(ProblemKind::kValidation, fmt::format("an id has {} bytes", text.id->size()),
                       fmt::format("an id has 1 to {} bytes", kMaxNameBytes));
      }
    }
    if (const auto metadata = value.find("metadata")) {
      if (!metadata->is_object())
        return tl::unexpected<Problem>(validation(metadata->invalid("expected an object").value()));
      text.metadata = metadata->dump();
      if (text.metadata.size() > kMaxMetadataBytes) {
        return problem(ProblemKind::kTooLarge, fmt::format("metadata has more than {} bytes", kMaxMetadataBytes));
      }
    }
  } else {
    return tl::unexpected<Problem>(validation(value.invalid("expected a string or an object with a \"text\"").value()));
  }
  if (auto wrong = check_text(text.text, limits)) return tl::unexpected<Problem>(*std::move(wrong));
  return text;
}

OrProblem<NativeRequest> parse_native(std::string_view body, const WireLimits& limits) {
  const auto json = parse_json(body);
  if (!json) return tl::unexpected<Problem>(json.error());
  if (!json->is_object()) {
    return problem(ProblemKind::kValidation, "expected an object", R"(send {"texts": ["..."]})");
  }
  if (auto wrong = unknown_member(
          *json, {"model", "texts", "top_k", "threshold", "timeout_ms", "stream", "channel", "subject"})) {
    return tl::unexpected<Problem>(*std::move(wrong));
  }
  NativeRequest request;
  if (const auto model = json->find("model")) {
    SERVER_TRY(request.model, model->as_string());
  }
  SERVER_TRY(const Json texts, json->at("texts"));
  SERVER_TRY(const auto items, texts.items());
  if (items.empty()) return problem(ProblemKind::kEmpty, "texts is empty", "send at least one text");
  if (items.size() > limits.max_texts) {
    return problem(ProblemKind::kTooLarge,
                   fmt::format("{} texts in one request; the limit is {}", items.size(), limits.max_texts),
                   "send fewer at a time, or NDJSON (Content-Type: application/x-ndjson), which has no limit");
  }
  request.texts.reserve(items.size());
  for (const Json& item : items) {
    auto text = parse_native_text(item, limits);
    if (!text) return tl::unexpected<Problem>(text.error());
    request.texts.push_back(*std::move(text));
  }
  if (const auto top_k = json->find("top_k")) {
    if (top_k->is_string()) {
      SERVER_TRY(const std::string word, top_k->as_string());
      if (word != "all") return problem(ProblemKind::kValidation, "top_k: expected a number from 1 on, or \"all\"");
      request.top_k = 0;
    } else {
      SERVER_TRY(const std::int64_t count, top_k->as_integer());
      if (count < 1) return problem(ProblemKind::kValidation, "top_k: expected a number from 1 on, or \"all\"");
      request.top_k = static_cast<std::size_t>(count);
    }
  }
  if (const auto threshold = json->find("threshold")) {
    SERVER_TRY(const double value, threshold->as_number());
    if (!(value >= 0 && value <= 1)) return problem(ProblemKind::kValidation, "threshold: expected 0 to 1");
    request.threshold = static_cast<float>(value);
  }
  if (const auto timeout = json->find("timeout_ms")) {
    SERVER_TRY(request.timeout_ms, timeout->as_integer());
    if (*request.timeout_ms < 1) return problem(ProblemKind::kValidation, "timeout_ms: expected 1 or more");
  }
  for (const auto& [key, field] : {std::pair("stream", &request.stream), std::pair("channel", &request.channel),
                                   std::pair("subject", &request.subject)}) {
    SERVER_TRY(*field, json->string_or(key, ""));
    if (auto wrong = check_name(key, *field)) return tl::unexpected<Problem>(*std::move(wrong));
  }
  return request;
}

std::string_view text_error_type(const Error& error) {
  if (error.what() == "empty text") return "EmptyText";
  switch (error.code()) {
    case ErrorCode::kInvalidData:
      return "InvalidText";
    case ErrorCode::kUnsupported:
    case ErrorCode::kInvalidArgument:
      return "Unsupported";
    case ErrorCode::kOverloaded:
      return "Overloaded";
    case ErrorCode::kNotFound:
    case ErrorCode::kIo:
    case ErrorCode::kRemote:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCancelled:
    case ErrorCode::kInternal:
      return "Backend";
  }
  return "Backend";
}

void append_native_result(std::string& out, const pipeline::ServiceReply& reply, std::size_t text,
                          const std::optional<std::string>& id, std::size_t top_k) {
  out += '{';
  if (id) {
    out += "\"id\":";
    append_json_string(out, *id);
    out += ',';
  }
  const auto& prediction = reply.predictions[text];
  if (!prediction) {
    out += "\"error\":{\"type\":";
    append_json_string(out, text_error_type(prediction.error()));
    out += ",\"message\":";
    append_json_string(out, prediction.error().to_string());
    out += "}}";
    return;
  }
  const auto& labels = reply.request.model->classifier->labels();
  if (prediction->label_id < 0) {
    out += "\"entities\":[";
    for (const Entity& entity : prediction->entities) {
      if (!out.ends_with('[')) out += ',';
      out += "{\"label\":";
      append_json_string(out, entity.label);
      out += ",\"score\":";
      append_json_float(out, entity.score);
      out += ",\"word\":";
      append_json_string(out, entity.word);
      out += fmt::format(",\"start\":{},\"end\":{}}}", entity.start_chars, entity.end_chars);
    }
    out += ']';
  } else {
    out += "\"label\":";
    append_json_string(out, reply.label(text));
    out += ",\"score\":";
    append_json_float(out, prediction->score);
    if (top_k != 1) {
      out += ",\"scores\":[";
      const std::size_t count = top_k == 0 ? labels.size() : top_k;
      for (const std::int32_t label : top_labels(prediction->scores, count)) {
        if (!out.ends_with('[')) out += ',';
        out += "{\"label\":";
        append_json_string(out, labels[static_cast<std::size_t>(label)]);
        out += ",\"score\":";
        append_json_float(out, prediction->scores[static_cast<std::size_t>(label)]);
        out += '}';
      }
      out += ']';
    }
  }
  fmt::format_to(std::back_inserter(out), ",\"tokens\":{},\"truncated\":{},\"source\":\"model\"}}", prediction->tokens,
                 prediction->truncated);
}

std::string render_native(const pipeline::ServiceReply& reply, const std::vector<std::optional<std::string>>& ids,
                          std::size_t top_k) {
  std::string out = "{\"model\":";
  out.reserve(128 + reply.predictions.size() * 96);
  append_json_string(out, reply.request.model->name);
  out += ",\"model_version\":";
  append_json_string(out, reply.request.model->version);
  out += ",\"results\":[";
  for (std::size_t i = 0; i < reply.predictions.size(); ++i) {
    if (i > 0) out += ',';
    append_native_result(out, reply, i, ids[i], top_k);
  }
  out += "],\"timing_ms\":{\"queue\":";
  append_milliseconds(out, reply.queue_seconds);
  out += ",\"tokenize\":";
  append_milliseconds(out, reply.tokenize_seconds);
  out += ",\"inference\":";
  append_milliseconds(out, reply.inference_seconds);
  out += "}}";
  return out;
}

OrProblem<std::vector<std::int32_t>> token_ids(const std::vector<Json>& items) {
  std::vector<std::int32_t> ids;
  for (const Json& item : items) {
    SERVER_TRY(const std::int64_t id, item.as_integer());
    if (id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
      return problem(ProblemKind::kValidation, fmt::format("token id {} is out of range", id));
    }
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

}  // namespace valence::server
