#include "valence/server/history_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "valence/store/time_bucket.h"

namespace valence::server {
namespace {

constexpr std::size_t kMaxLabelBytes = 200;
constexpr std::size_t kMaxNoteBytes = 4000;

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (!out.ends_with('{')) out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

/// The same, left out where there is nothing to say.
void append_if_any(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) append_member(out, name, value);
}

OrProblem<std::int64_t> parse_time(std::string_view key, const std::string& word) {
  if (const auto time = store::parse_time_ms(word)) return *time;
  return problem(ProblemKind::kBadRequest, fmt::format("{}: {} is no time", key, in_quotes(word)),
                 "write 2026-01-31, 2026-01-31T23:59Z or Unix milliseconds");
}

/// Every key of a query string must be one of `known`: a misspelt filter would widen the answer in silence.
std::optional<Problem> unknown_key(std::string_view query, const std::vector<std::string_view>& known) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto name = percent_decoded(pair.substr(0, pair.find('=')), true);
    if (name && std::find(known.begin(), known.end(), *name) != known.end()) continue;
    return Problem{ProblemKind::kBadRequest,
                   fmt::format("{} is no parameter of this path", in_quotes(name.value_or(""))),
                   fmt::format("there are {}", fmt::join(known, ", "))};
  }
  return std::nullopt;
}

OrProblem<store::PageRequest> parse_page(std::string_view query) {
  store::PageRequest page;
  page.cursor = query_value(query, "cursor").value_or("");
  if (const auto word = query_value(query, "limit")) {
    const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), page.limit);
    const bool is_number = error == std::errc() && end == word->data() + word->size();
    if (!is_number || page.limit == 0 || page.limit > store::kMaxPageItems) {
      return problem(ProblemKind::kBadRequest, fmt::format("limit: expected 1 to {}", store::kMaxPageItems));
    }
  }
  return page;
}

/// Runs `work` in the background; what it returns is the body of a 200, or of `status`.
void answer_later(HistoryContext& history, const CallPointer& call, std::function<OrProblem<std::string>()> work,
                  int status = 200) {
  const bool taken = history.background.run([call, work = std::move(work), status] {
    auto body = work();
    if (body) {
      call->answer_json(*std::move(body), status);
    } else {
      call->refuse(body.error());
    }
  });
  if (!taken) call->refuse(overloaded(std::chrono::milliseconds(1000)));
}

template <class T>
OrProblem<T> or_problem(Result<T> result) {
  if (!result) return tl::unexpected<Problem>(problem_of(result.error()));
  return *std::move(result);
}

OrProblem<std::string> query_body(HistoryContext& history, const std::string& query) {
  SERVER_PASS(const auto filter, parse_filter(query, {"cursor", "limit"}));
  SERVER_PASS(const auto page, parse_page(query));
  SERVER_PASS(const auto found, or_problem(history.store.query(filter, page)));
  std::string body = "{\"items\":[";
  for (const auto& record : found.items) {
    if (!body.ends_with('[')) body += ',';
    append_record(body, record);
  }
  body += ']';
  if (!found.next.empty()) append_member(body, "next", found.next);
  return body + '}';
}

OrProblem<store::TrendRequest> parse_trend(const std::string& query) {
  if (auto wrong = unknown_key(query, {"from", "to", "bucket", "stream", "channel", "by"})) {
    return tl::unexpected<Problem>(*std::move(wrong));
  }
  store::TrendRequest request;
  if (const auto word = query_value(query, "bucket")) {
    const auto bucket = store::parse_time_bucket(*word);
    if (!bucket) return problem(ProblemKind::kBadRequest, "bucket: expected minute, hour, day, week or month");
    request.bucket = *bucket;
  }
  if (const auto word = query_value(query, "from")) {
    SERVER_PASS(request.from_ms, parse_time("from", *word));
  }
  if (const auto word = query_value(query, "to")) {
    SERVER_PASS(request.to_ms, parse_time("to", *word));
  }
  request.stream = query_value(query, "stream");
  request.channel = query_value(query, "channel");
  if (const auto by = query_value(query, "by")) {
    request.by_stream = *by == "stream";
    request.by_channel = *by == "channel";
    if (!request.by_stream && !request.by_channel) {
      return problem(ProblemKind::kBadRequest, "by: expected stream or channel");
    }
  }
  return request;
}

OrProblem<std::string> trend_body(HistoryContext& history, const std::string& query) {
  SERVER_PASS(const auto request, parse_trend(query));
  SERVER_PASS(const auto trend, or_problem(history.store.trend(request)));
  std::string body = "{";
  append_member(body, "bucket", store::name_of(trend.bucket));
  body += ",\"labels\":[";
  for (const auto& label : trend.labels) {
    if (!body.ends_with('[')) body += ',';
    append_json_string(body, label);
  }
  body += "],\"points\":[";
  for (const auto& point : trend.points) {
    if (!body.ends_with('[')) body += ',';
    body += '{';
    append_member(body, "from", store::rfc3339_ms(point.from_ms));
    body += fmt::format(",\"from_ms\":{},\"texts\":{}", point.from_ms, point.total().texts);
    if (request.by_stream) append_member(body, "stream", point.stream);
    if (request.by_channel) append_member(body, "channel", point.channel);
    body += ",\"counts\":[";
    for (const auto& count : point.labels) body += fmt::format("{}{}", body.ends_with('[') ? "" : ",", count.texts);
    body += "],\"mean_scores\":[";
    for (const auto& count : point.labels) {
      if (!body.ends_with('[')) body += ',';
      append_json_float(body, static_cast<float>(count.mean_score()));
    }
    body += "]}";
  }
  return body + "]}";
}

OrProblem<std::string> erase_body(HistoryContext& history, const std::string& query) {
  SERVER_PASS(const auto filter, parse_filter(query, {"all", "keep_corrections", "dry_run"}));
  const auto is_set = [&](std::string_view key) { return query_value(query, key) == "true"; };
  if (filter.is_empty() && !is_set("all")) {
    return problem(ProblemKind::kBadRequest, "no filter: that would delete everything", "say all=true if you mean it");
  }
  const store::EraseOptions options{.dry_run = is_set("dry_run"), .keep_corrections = is_set("keep_corrections")};
  SERVER_PASS(const auto erased, or_problem(history.store.erase(filter, options)));
  if (!options.dry_run) history.erased();
  return fmt::format(R"({{"records":{},"corrections":{},"scrubbed":{},"dry_run":{}}})", erased.records,
                     erased.corrections, erased.scrubbed, options.dry_run);
}

std::string feedback_json(const store::Feedback& feedback) {
  std::string body = "{";
  append_member(body, "id", feedback.id);
  append_member(body, "time", store::rfc3339_ms(feedback.time_ms));
  append_if_any(body, "record_id", feedback.record_id);
  append_member(body, "text", feedback.text);
  append_member(body, "label", feedback.label);
  append_if_any(body, "predicted", feedback.predicted);
  append_if_any(body, "stream", feedback.stream);
  append_if_any(body, "channel", feedback.channel);
  append_if_any(body, "note", feedback.note);
  append_if_any(body, "source", feedback.source);
  append_if_any(body, "model_version", feedback.model_version);
  return body + '}';
}

/// A label that no model has would be learned as one more class.
std::optional<Problem> unknown_label(const ServerContext& server, const std::string& label) {
  std::vector<std::string> known;
  for (const auto& model : server.models.all()) {
    const auto& labels = model->classifier->labels();
    known.insert(known.end(), labels.begin(), labels.end());
  }
  if (std::find(known.begin(), known.end(), label) != known.end()) return std::nullopt;
  return Problem{ProblemKind::kValidation, fmt::format("label: no model has the label {}", in_quotes(label)),
                 fmt::format("labels are {}", fmt::join(known, ", "))};
}

OrProblem<store::Feedback> parse_feedback(const ServerContext& server, std::string_view body) {
  SERVER_PASS(const Json json, parse_json(body));
  if (!json.is_object()) return problem(ProblemKind::kValidation, "expected an object");
  if (auto wrong = unknown_member(json, {"id", "text", "label", "note", "predicted", "stream", "channel", "source"})) {
    return tl::unexpected<Problem>(*std::move(wrong));
  }
  store::Feedback feedback;
  SERVER_TRY(feedback.record_id, json.string_or("id", ""));
  SERVER_TRY(feedback.text, json.string_or("text", ""));
  if (feedback.record_id.empty() && feedback.text.empty()) {
    return problem(ProblemKind::kValidation, "neither an id nor a text", "say which text was wrong");
  }
  if (auto wrong = check_text(feedback.text, server.limits)) return tl::unexpected<Problem>(*std::move(wrong));
  SERVER_TRY(feedback.label, json.string("label"));
  if (auto wrong = unknown_label(server, feedback.label)) return tl::unexpected<Problem>(*std::move(wrong));
  SERVER_TRY(feedback.note, json.string_or("note", ""));
  SERVER_TRY(feedback.predicted, json.string_or("predicted", ""));
  SERVER_TRY(feedback.stream, json.string_or("stream", ""));
  SERVER_TRY(feedback.channel, json.string_or("channel", ""));
  SERVER_TRY(feedback.source, json.string_or("source", "api"));
  if (feedback.source != "api" && feedback.source != "page") {
    return problem(ProblemKind::kValidation, "source: expected api or page");
  }
  if (feedback.note.size() > kMaxNoteBytes) {
    return problem(ProblemKind::kValidation, fmt::format("note has more than {} bytes", kMaxNoteBytes));
  }
  for (const std::string* name : {&feedback.predicted, &feedback.stream, &feedback.channel}) {
    if (name->size() > kMaxLabelBytes) {
      return problem(ProblemKind::kValidation, fmt::format("a name has more than {} bytes", kMaxLabelBytes));
    }
  }
  feedback.time_ms = server.clock.unix_ms();
  return feedback;
}

void add_feedback(HistoryContext& history, const CallPointer& call) {
  auto feedback = parse_feedback(history.server, call->request().body);
  if (!feedback) return call->refuse(feedback.error());
  answer_later(
      history, call,
      [&history, feedback = *std::move(feedback)]() -> OrProblem<std::string> {
        SERVER_PASS(const auto stored, or_problem(history.store.add_feedback(feedback)));
        history.server.metrics
            .counter(observe::Metric::kCorrections,
                     {stored.predicted.empty() ? "none" : stored.predicted, stored.label})
            .add();
        std::string body = "{";
        append_member(body, "id", stored.id);
        return body + '}';
      },
      201);
}

OrProblem<std::string> feedback_body(HistoryContext& history, const std::string& query) {
  if (auto wrong = unknown_key(query, {"from", "to", "label", "stream", "record_id", "cursor", "limit"})) {
    return tl::unexpected<Problem>(*std::move(wrong));
  }
  store::FeedbackFilter filter;
  if (const auto word = query_value(query, "from")) {
    SERVER_PASS(filter.from_ms, parse_time("from", *word));
  }
  if (const auto word = query_value(query, "to")) {
    SERVER_PASS(filter.to_ms, parse_time("to", *word));
  }
  filter.label = query_value(query, "label");
  filter.stream = query_value(query, "stream");
  filter.record_id = query_value(query, "record_id");
  SERVER_PASS(const auto page, parse_page(query));
  SERVER_PASS(const auto found, or_problem(history.store.feedback(filter, page)));
  std::string body = "{\"items\":[";
  for (const auto& feedback : found.items) {
    if (!body.ends_with('[')) body += ',';
    body += feedback_json(feedback);
  }
  body += ']';
  if (!found.next.empty()) append_member(body, "next", found.next);
  return body + '}';
}

struct HistoryPath {
  std::string_view method;
  std::string_view pattern;
  AccessLevel access;
  RouteBody body;
};

constexpr std::array kPaths{
    HistoryPath{"GET", "/v1/history", AccessLevel::kRead, RouteBody::kNone},
    HistoryPath{"DELETE", "/v1/history", AccessLevel::kAdmin, RouteBody::kNone},
    HistoryPath{"GET", "/v1/trend", AccessLevel::kRead, RouteBody::kNone},
    HistoryPath{"GET", "/v1/feedback", AccessLevel::kRead, RouteBody::kNone},
    HistoryPath{"POST", "/v1/feedback", AccessLevel::kRead, RouteBody::kJson},
};

}  // namespace

Problem problem_of(const Error& error) {
  const std::string message = error.where().empty() ? error.what() : fmt::format("{}: {}", error.where(), error.what());
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return {ProblemKind::kBadRequest, message, error.hint()};
    case ErrorCode::kNotFound:
      return {ProblemKind::kNotFound, message, error.hint()};
    case ErrorCode::kInvalidData:
    case ErrorCode::kUnsupported:
      return {ProblemKind::kValidation, message, error.hint()};
    case ErrorCode::kIo:
    case ErrorCode::kRemote:
    case ErrorCode::kOverloaded:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCancelled:
      return {ProblemKind::kUnavailable, message, error.hint(), std::chrono::milliseconds(1000)};
    case ErrorCode::kInternal:
      return {ProblemKind::kInternal, message, error.hint()};
  }
  return {ProblemKind::kInternal, message, error.hint()};
}

OrProblem<store::HistoryFilter> parse_filter(std::string_view query,
                                             std::initializer_list<std::string_view> other_keys) {
  std::vector<std::string_view> known{"from",  "to",        "id",          "stream",   "channel",
                                      "label", "subject",   "text_sha256", "model",    "model_version",
                                      "q",     "min_score", "max_score",   "corrected"};
  known.insert(known.end(), other_keys.begin(), other_keys.end());
  if (auto wrong = unknown_key(query, known)) return tl::unexpected<Problem>(*std::move(wrong));
  store::HistoryFilter filter;
  if (const auto word = query_value(query, "from")) {
    SERVER_PASS(filter.from_ms, parse_time("from", *word));
  }
  if (const auto word = query_value(query, "to")) {
    SERVER_PASS(filter.to_ms, parse_time("to", *word));
  }
  filter.id = query_value(query, "id");
  filter.stream = query_value(query, "stream");
  filter.channel = query_value(query, "channel");
  filter.label = query_value(query, "label");
  filter.subject = query_value(query, "subject");
  filter.text_sha256 = query_value(query, "text_sha256");
  filter.model = query_value(query, "model");
  filter.model_version = query_value(query, "model_version");
  filter.search = query_value(query, "q");
  for (const auto& [key, score] :
       {std::pair("min_score", &filter.min_score), std::pair("max_score", &filter.max_score)}) {
    const auto word = query_value(query, key);
    if (!word) continue;
    float value = 0;
    const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), value);
    if (error != std::errc() || end != word->data() + word->size()) {
      return problem(ProblemKind::kBadRequest, fmt::format("{}: expected a number", key));
    }
    *score = value;
  }
  if (const auto word = query_value(query, "corrected")) {
    if (*word != "true" && *word != "false") {
      return problem(ProblemKind::kBadRequest, "corrected: expected true or false");
    }
    filter.corrected = *word == "true";
  }
  return filter;
}

void append_record(std::string& out, const store::StoredRecord& stored) {
  const pipeline::ClassifiedRecord& record = stored.record;
  std::string body = "{";
  append_member(body, "id", record.id);
  append_member(body, "time", store::rfc3339_ms(record.time_ms));
  body += fmt::format(",\"time_ms\":{}", record.time_ms);
  append_member(body, "stream", record.stream);
  append_if_any(body, "channel", record.channel);
  append_if_any(body, "subject", record.subject);
  append_if_any(body, "text", record.text);
  append_if_any(body, "text_sha256", stored.text_sha256);
  append_member(body, "label", record.label);
  body += ",\"score\":";
  append_json_float(body, record.score);
  body += ",\"scores\":[";
  for (const auto& [label, score] : record.scores) {
    if (!body.ends_with('[')) body += ',';
    body += "{\"label\":";
    append_json_string(body, label);
    body += ",\"score\":";
    append_json_float(body, score);
    body += '}';
  }
  body += ']';
  append_member(body, "model", record.model);
  append_member(body, "model_version", record.model_version);
  append_if_any(body, "config_version", record.config_version);
  body += fmt::format(",\"tokens\":{},\"truncated\":{}", record.tokens, record.truncated);
  if (!record.metadata.empty()) body += ",\"metadata\":" + record.metadata;
  append_if_any(body, "correction", stored.correction);
  out += body + '}';
}

std::vector<Route> history_routes(HistoryContext& history) {
  using Body = OrProblem<std::string> (*)(HistoryContext&, const std::string&);
  const auto answered_by = [&history](Body body) {
    return [&history, body](const CallPointer& call) {
      answer_later(history, call, [&history, body, query = call->request().query] { return body(history, query); });
    };
  };
  const std::array<std::function<void(CallPointer)>, kPaths.size()> handlers{
      answered_by(query_body), answered_by(erase_body), answered_by(trend_body), answered_by(feedback_body),
      [&history](const CallPointer& call) { add_feedback(history, call); }};
  std::vector<Route> routes;
  for (std::size_t i = 0; i < kPaths.size(); ++i) {
    routes.push_back({.method = kPaths[i].method,
                      .pattern = kPaths[i].pattern,
                      .access = kPaths[i].access,
                      .body = kPaths[i].body,
                      .handle = handlers[i]});
  }
  return routes;
}

std::vector<Route> no_history_routes() {
  std::vector<Route> routes;
  for (const HistoryPath& path : kPaths) {
    routes.push_back(
        {.method = path.method,
         .pattern = path.pattern,
         .access = path.access,
         .body = path.body,
         .handle = [](const CallPointer& call) {
           call->refuse({ProblemKind::kNotFound, "this server keeps no history", "start it without --no-history"});
         }});
  }
  return routes;
}

}  // namespace valence::server
