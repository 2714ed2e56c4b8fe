#include "valence/server/history_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "valence/base/utf8.h"
#include "valence/server/query_string.h"
#include "valence/store/time_bucket.h"

namespace valence::server {
namespace {

constexpr std::size_t kMaxNoteCharacters = 2000;
// A page that has become so long ends, however few records it has.
constexpr std::size_t kPageBytes = std::size_t{4} << 20;
// So many records, of up to a text each, are in memory at a time.
constexpr std::size_t kItemsAtOnce = 64;

OrProblem<store::PageRequest> parse_page(const QueryString& query) {
  store::PageRequest page;
  page.cursor = query.value("cursor").value_or("");
  SERVER_PASS(page.limit, query.count("limit", store::kMaxPageItems, page.limit));
  return page;
}

/// The parameters that narrow; `more` are those of the path beside them.
template <class... More>
constexpr auto filter_keys(More... more) {
  return std::to_array<std::string_view>({"from", "to", "id", "stream", "channel", "label", "subject", "text_sha256",
                                          "model", "model_version", "q", "min_score", "max_score", "corrected",
                                          more...});
}

OrProblem<store::HistoryFilter> parse_filter(const QueryString& query) {
  store::HistoryFilter filter;
  SERVER_PASS(filter.from_ms, query.time_ms("from"));
  SERVER_PASS(filter.to_ms, query.time_ms("to"));
  filter.id = query.value("id");
  filter.stream = query.value("stream");
  filter.channel = query.value("channel");
  filter.label = query.value("label");
  filter.subject = query.value("subject");
  filter.text_sha256 = query.value("text_sha256");
  filter.model = query.value("model");
  filter.model_version = query.value("model_version");
  filter.search = query.value("q");
  SERVER_PASS(filter.min_score, query.share("min_score"));
  SERVER_PASS(filter.max_score, query.share("max_score"));
  SERVER_PASS(filter.corrected, query.boolean("corrected"));
  return filter;
}

OrProblem<std::string> query_body(HistoryContext& history, const std::string& words) {
  SERVER_PASS(const auto query, QueryString::parse(words, filter_keys("cursor", "limit")));
  SERVER_PASS(const auto filter, parse_filter(query));
  SERVER_PASS(auto page, parse_page(query));
  std::string body = "{\"items\":[";
  std::string next;
  for (std::size_t left = page.limit; left > 0;) {
    page.limit = std::min(left, kItemsAtOnce);
    SERVER_PASS(auto found, or_problem(history.store.query(filter, page)));
    std::size_t taken = 0;
    while (taken < found.items.size() && body.size() < kPageBytes) {
      if (!body.ends_with('[')) body += ',';
      append_record(body, found.items[taken++]);
    }
    if (taken < found.items.size()) {  // for the cursor behind what was taken
      page.limit = taken;
      SERVER_PASS(found, or_problem(history.store.query(filter, page)));
    }
    next = std::move(found.next);
    left -= taken;
    if (next.empty() || body.size() >= kPageBytes) break;
    page.cursor = next;
  }
  body += ']';
  append_member_if_any(body, "next", next);
  append_member(body, "text_policy", store::name_of(history.text));
  return body + '}';
}

OrProblem<std::string> erase_body(HistoryContext& history, const std::string& words) {
  SERVER_PASS(const auto query, QueryString::parse(words, filter_keys("all", "keep_corrections", "dry_run")));
  SERVER_PASS(const auto filter, parse_filter(query));
  SERVER_PASS(const auto all, query.boolean("all"));
  SERVER_PASS(const auto dry_run, query.boolean("dry_run"));
  SERVER_PASS(const auto keep_corrections, query.boolean("keep_corrections"));
  if (filter.is_empty() && !all.value_or(false)) {
    return problem(ProblemKind::kBadRequest, "no filter: that would delete everything", "say all=true if you mean it");
  }
  const store::EraseOptions options{.dry_run = dry_run.value_or(false),
                                    .keep_corrections = keep_corrections.value_or(false)};
  SERVER_PASS(const auto erased, or_problem(history.store.erase(filter, options)));
  if (!options.dry_run) history.erased();
  return fmt::format(R"({{"records":{},"corrections":{},"scrubbed":{},"dry_run":{}}})", erased.records,
                     erased.corrections, erased.scrubbed, options.dry_run);
}

std::string feedback_json(const store::Feedback& feedback) {
  std::string body = "{";
  append_member(body, "id", feedback.id);
  append_member(body, "time", store::rfc3339_ms(feedback.time_ms));
  body += fmt::format(",\"time_ms\":{}", feedback.time_ms);
  append_member_if_any(body, "record_id", feedback.record_id);
  append_member(body, "text", feedback.text);
  append_member(body, "label", feedback.label);
  append_member_if_any(body, "predicted", feedback.predicted);
  append_member_if_any(body, "stream", feedback.stream);
  append_member_if_any(body, "channel", feedback.channel);
  append_member_if_any(body, "note", feedback.note);
  append_member_if_any(body, "source", feedback.source);
  append_member_if_any(body, "model_version", feedback.model_version);
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
  if (to_code_points(feedback.note).size() > kMaxNoteCharacters) {
    return problem(ProblemKind::kValidation, fmt::format("note has more than {} characters", kMaxNoteCharacters));
  }
  for (const std::string* name : {&feedback.predicted, &feedback.stream, &feedback.channel}) {
    if (auto wrong = check_name("a name", *name)) return tl::unexpected<Problem>(*std::move(wrong));
  }
  feedback.time_ms = server.clock.unix_ms();
  return feedback;
}

void add_feedback(HistoryContext& history, const CallPointer& call) {
  auto feedback = parse_feedback(history.server, call->request().body);
  if (!feedback) return call->refuse(feedback.error());
  answer_later(
      history.background, call,
      [&history, feedback = *std::move(feedback)]() -> OrProblem<std::string> {
        SERVER_PASS(const auto stored, or_problem(history.store.add_feedback(feedback)));
        history.server.metrics
            .counter(observe::Metric::kCorrections,
                     {stored.predicted.empty() ? "none" : stored.predicted, stored.label})
            .add();
        std::string body = "{";
        append_member(body, "id", stored.id);
        body += fmt::format(",\"time_ms\":{}", stored.time_ms);
        append_member_if_any(body, "record_id", stored.record_id);
        append_member(body, "label", stored.label);
        append_member(body, "predicted", stored.predicted);
        return body + '}';
      },
      201);
}

OrProblem<std::string> feedback_body(HistoryContext& history, const std::string& words) {
  constexpr auto kKeys =
      std::to_array<std::string_view>({"from", "to", "label", "stream", "record_id", "cursor", "limit"});
  SERVER_PASS(const auto query, QueryString::parse(words, kKeys));
  store::FeedbackFilter filter;
  SERVER_PASS(filter.from_ms, query.time_ms("from"));
  SERVER_PASS(filter.to_ms, query.time_ms("to"));
  filter.label = query.value("label");
  filter.stream = query.value("stream");
  filter.record_id = query.value("record_id");
  SERVER_PASS(const auto page, parse_page(query));
  SERVER_PASS(const auto found, or_problem(history.store.feedback(filter, page)));
  std::string body = "{\"items\":[";
  for (const auto& feedback : found.items) {
    if (!body.ends_with('[')) body += ',';
    body += feedback_json(feedback);
  }
  body += ']';
  append_member_if_any(body, "next", found.next);
  return body + '}';
}

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

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (!out.ends_with('{')) out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

void append_member_if_any(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) append_member(out, name, value);
}

void run_later(Background& background, const CallPointer& call, std::function<void()> work) {
  if (!background.run(std::move(work))) call->refuse(overloaded(std::chrono::milliseconds(1000)));
}

void answer_later(Background& background, const CallPointer& call, std::function<OrProblem<std::string>()> work,
                  int status) {
  run_later(background, call, [call, work = std::move(work), status] {
    auto body = work();
    if (body) {
      call->answer_json(*std::move(body), status);
    } else {
      call->refuse(body.error());
    }
  });
}

void refuse_without_history(const CallPointer& call) {
  call->refuse({ProblemKind::kConflict, "this server keeps no history", "start it without --no-history"});
}

std::function<void(CallPointer)> answered_by(HistoryContext* history, HistoryBody body) {
  if (history == nullptr) return refuse_without_history;
  return [history, body](const CallPointer& call) {
    answer_later(history->background, call,
                 [history, body, query = call->request().query] { return body(*history, query); });
  };
}

void append_record(std::string& out, const store::StoredRecord& stored) {
  const pipeline::ClassifiedRecord& record = stored.record;
  std::string body = "{";
  append_member(body, "id", record.id);
  append_member(body, "time", store::rfc3339_ms(record.time_ms));
  body += fmt::format(",\"time_ms\":{}", record.time_ms);
  append_member(body, "stream", record.stream);
  append_member(body, "channel", record.channel);
  append_member_if_any(body, "subject", record.subject);
  append_member_if_any(body, "text", record.text);
  append_member_if_any(body, "text_sha256", stored.text_sha256);
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
  append_member(body, "config_version", record.config_version);
  body += fmt::format(",\"tokens\":{},\"truncated\":{}", record.tokens, record.truncated);
  if (!record.metadata.empty()) body += ",\"metadata\":" + record.metadata;
  append_member_if_any(body, "correction", stored.correction);
  out += body + '}';
}

std::vector<Route> history_routes(HistoryContext* history) {
  const auto take_feedback = [history](const CallPointer& call) {
    history == nullptr ? refuse_without_history(call) : add_feedback(*history, call);
  };
  return {
      {.method = "GET", .pattern = "/v1/history", .handle = answered_by(history, query_body)},
      {.method = "DELETE",
       .pattern = "/v1/history",
       .access = AccessLevel::kAdmin,
       .handle = answered_by(history, erase_body)},
      {.method = "GET", .pattern = "/v1/feedback", .handle = answered_by(history, feedback_body)},
      {.method = "POST", .pattern = "/v1/feedback", .body = RouteBody::kJson, .handle = take_feedback},
  };
}

}  // namespace valence::server
