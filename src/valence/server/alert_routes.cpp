#include "valence/server/alert_routes.h"

#include <fmt/format.h>

#include "valence/server/history_routes.h"
#include "valence/store/time_bucket.h"

namespace valence::server {
namespace {

constexpr std::size_t kMaxCommentBytes = 1000;
constexpr std::int64_t kLongestSilenceS = 365LL * 24 * 3600;

std::string_view name_of(pipeline::AlertPhase phase) {
  switch (phase) {
    case pipeline::AlertPhase::kQuiet:
      return "quiet";
    case pipeline::AlertPhase::kPending:
      return "pending";
    case pipeline::AlertPhase::kFiring:
      return "firing";
    case pipeline::AlertPhase::kSilenced:
      return "silenced";
  }
  return "";
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (!out.ends_with('{')) out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

void append_state(std::string& out, const pipeline::AlertState& state) {
  out += '{';
  append_member(out, "rule", state.rule);
  append_member(out, "stream", state.stream);
  append_member(out, "channel", state.channel);
  append_member(out, "phase", name_of(state.phase));
  append_member(out, "since", store::rfc3339_ms(state.since_ms));
  fmt::format_to(std::back_inserter(out), ",\"count\":{},\"hits\":{},\"statistic\":", state.count, state.hits);
  append_json_float(out, static_cast<float>(state.statistic));
  out += ",\"threshold\":";
  append_json_float(out, static_cast<float>(state.threshold));
  append_member(out, "message", state.message);
  out += '}';
}

void append_silence(std::string& out, const pipeline::Silence& silence) {
  out += '{';
  append_member(out, "id", silence.id);
  append_member(out, "rule", silence.rule);
  append_member(out, "stream", silence.stream);
  append_member(out, "from", store::rfc3339_ms(silence.from_ms));
  append_member(out, "until", store::rfc3339_ms(silence.until_ms));
  append_member(out, "author", silence.author);
  append_member(out, "comment", silence.comment);
  out += '}';
}

OrProblem<pipeline::Silence> parse_silence(const ServerContext& context, std::string_view body) {
  SERVER_PASS(const Json json, parse_json(body));
  if (!json.is_object()) return problem(ProblemKind::kValidation, "expected an object");
  if (auto wrong = unknown_member(json, {"rule", "stream", "duration_s", "until", "author", "comment"})) {
    return tl::unexpected<Problem>(*std::move(wrong));
  }
  pipeline::Silence silence;
  SERVER_TRY(silence.rule, json.string_or("rule", ""));
  SERVER_TRY(silence.stream, json.string_or("stream", ""));
  SERVER_TRY(silence.author, json.string_or("author", ""));
  SERVER_TRY(silence.comment, json.string_or("comment", ""));
  if (silence.comment.size() > kMaxCommentBytes || silence.author.size() > kMaxCommentBytes) {
    return problem(ProblemKind::kValidation, fmt::format("author and comment have up to {} bytes", kMaxCommentBytes));
  }
  silence.from_ms = context.clock.unix_ms();
  if (const auto until = json.find("until")) {
    SERVER_TRY(const std::string word, until->as_string());
    const auto time = store::parse_time_ms(word);
    if (!time) return problem(ProblemKind::kValidation, "until: expected a time such as 2026-01-31T23:59Z");
    silence.until_ms = *time;
  } else {
    SERVER_TRY(const std::int64_t seconds, json.integer("duration_s"));
    if (seconds < 1 || seconds > kLongestSilenceS) {
      return problem(ProblemKind::kValidation, fmt::format("duration_s: expected 1 to {}", kLongestSilenceS));
    }
    silence.until_ms = silence.from_ms + seconds * 1000;
  }
  return silence;
}

Problem no_rules() {
  return {ProblemKind::kNotFound, "this server has no alert rules",
          "write them into the table [alerts] of its configuration"};
}

}  // namespace

std::string alerts_json(const pipeline::AlertBoard* board) {
  std::string body = "{\"alerts\":[";
  if (board != nullptr) {
    for (const auto& state : board->states()) {
      if (!body.ends_with('[')) body += ',';
      append_state(body, state);
    }
  }
  body += "],\"silences\":[";
  if (board != nullptr) {
    for (const auto& silence : board->silences()) {
      if (!body.ends_with('[')) body += ',';
      append_silence(body, silence);
    }
  }
  return body + "]}";
}

std::vector<Route> alert_routes(ServerContext& context, pipeline::AlertBoard* board) {
  return {
      {.method = "GET",
       .pattern = "/v1/alerts",
       .handle = [board](const CallPointer& call) { call->answer_json(alerts_json(board)); }},
      {.method = "POST",
       .pattern = "/v1/silences",
       .access = AccessLevel::kAdmin,
       .body = RouteBody::kJson,
       .handle =
           [&context, board](const CallPointer& call) {
             if (board == nullptr) return call->refuse(no_rules());
             auto wanted = parse_silence(context, call->request().body);
             if (!wanted) return call->refuse(wanted.error());
             const auto silence = board->silence(*std::move(wanted));
             if (!silence) {
               Problem wrong = problem_of(silence.error());
               if (wrong.kind == ProblemKind::kBadRequest) wrong.kind = ProblemKind::kValidation;
               return call->refuse(wrong);
             }
             std::string body;
             append_silence(body, *silence);
             call->answer_json(std::move(body), 201);
           }},
      {.method = "DELETE",
       .pattern = "/v1/silences/{}",
       .access = AccessLevel::kAdmin,
       .handle =
           [board](const CallPointer& call) {
             if (board == nullptr) return call->refuse(no_rules());
             const Status ended = board->unsilence(std::string(call->parameter(0)));
             if (!ended) return call->refuse({ProblemKind::kNotFound, ended.error().to_string()});
             call->answer({.status = 204});
           }},
  };
}

}  // namespace valence::server
