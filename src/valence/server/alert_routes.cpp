#include "valence/server/alert_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "valence/base/utf8.h"
#include "valence/server/history_routes.h"
#include "valence/server/query_string.h"

namespace valence::server {
namespace {

constexpr std::size_t kMaxAuthorCharacters = 200;
constexpr std::size_t kMaxCommentCharacters = 1000;
constexpr std::int64_t kLastMs = 253'402'300'799'999;  // of the year 9999
constexpr std::int64_t kLongestSilenceS = 365LL * 24 * 3600;

/// Firing first, then pending, silenced and quiet.
int rank_of(pipeline::AlertPhase phase) {
  switch (phase) {
    case pipeline::AlertPhase::kFiring:
      return 0;
    case pipeline::AlertPhase::kPending:
      return 1;
    case pipeline::AlertPhase::kSilenced:
      return 2;
    case pipeline::AlertPhase::kQuiet:
      return 3;
  }
  return 4;
}

void append_silence(std::string& out, const pipeline::Silence& silence) {
  out += '{';
  append_member(out, "id", silence.id);
  append_member(out, "rule", silence.rule);
  append_member(out, "stream", silence.stream);
  fmt::format_to(std::back_inserter(out), R"(,"from_ms":{},"until_ms":{})", silence.from_ms, silence.until_ms);
  append_member(out, "author", silence.author);
  append_member(out, "comment", silence.comment);
  out += '}';
}

OrProblem<pipeline::Silence> parse_silence(const ServerContext& context, std::string_view body) {
  SERVER_PASS(const Json json, parse_json(body));
  if (!json.is_object()) return problem(ProblemKind::kValidation, "expected an object");
  if (auto wrong = unknown_member(json, {"rule", "stream", "from_ms", "until_ms", "duration_s", "author", "comment"})) {
    return tl::unexpected<Problem>(*std::move(wrong));
  }
  pipeline::Silence silence;
  SERVER_TRY(silence.rule, json.string_or("rule", ""));
  SERVER_TRY(silence.stream, json.string_or("stream", ""));
  SERVER_TRY(silence.author, json.string_or("author", ""));
  SERVER_TRY(silence.comment, json.string_or("comment", ""));
  if (to_code_points(silence.author).size() > kMaxAuthorCharacters ||
      to_code_points(silence.comment).size() > kMaxCommentCharacters) {
    return problem(ProblemKind::kValidation, fmt::format("author has up to {} characters, comment up to {}",
                                                         kMaxAuthorCharacters, kMaxCommentCharacters));
  }
  silence.from_ms = context.clock.unix_ms();
  if (json.find("from_ms")) {
    SERVER_TRY(silence.from_ms, json.integer("from_ms"));
  }
  if (json.find("until_ms").has_value() == json.find("duration_s").has_value()) {
    return problem(ProblemKind::kValidation, "until_ms: required, or duration_s in its place",
                   "say when the silence ends, in Unix milliseconds");
  }
  if (json.find("until_ms")) {
    SERVER_TRY(silence.until_ms, json.integer("until_ms"));
  } else {
    SERVER_TRY(const std::int64_t seconds, json.integer("duration_s"));
    if (seconds < 1 || seconds > kLongestSilenceS) {
      return problem(ProblemKind::kValidation, fmt::format("duration_s: expected 1 to {}", kLongestSilenceS));
    }
    silence.until_ms = silence.from_ms + seconds * 1000;
  }
  if (silence.from_ms < 0 || silence.until_ms <= silence.from_ms || silence.until_ms > kLastMs) {
    return problem(ProblemKind::kValidation, "until_ms: expected a time after from_ms", "times are Unix milliseconds");
  }
  return silence;
}

std::string alerts_json(const pipeline::AlertBoard* board) {
  std::string body = fmt::format("{{\"enabled\":{},\"alerts\":[", board != nullptr);
  if (board != nullptr) {
    for (const auto& state : alert_states(*board)) {
      if (!body.ends_with('[')) body += ',';
      append_alert(body, state);
    }
  }
  return body + "]}";
}

std::string silences_json(const pipeline::AlertBoard* board) {
  std::string body = "{\"silences\":[";
  if (board != nullptr) {
    for (const auto& silence : board->silences()) {
      if (!body.ends_with('[')) body += ',';
      append_silence(body, silence);
    }
  }
  return body + "]}";
}

/// A 200 of JSON to a request without parameters.
template <class Body>
std::function<void(CallPointer)> answered_by(Body body) {
  return [body](const CallPointer& call) {
    if (const auto query = QueryString::parse(call->request().query, {}); !query) return call->refuse(query.error());
    call->answer_json(body());
  };
}

OrProblem<std::string> add_silence(pipeline::AlertBoard& board, const pipeline::Silence& wanted) {
  const auto silence = board.silence(wanted);
  if (!silence) {
    const Problem wrong = problem_of(silence.error());
    const bool is_value = wrong.kind == ProblemKind::kBadRequest || silence.error().code() == ErrorCode::kOverloaded;
    return tl::unexpected<Problem>(is_value ? Problem{ProblemKind::kValidation, wrong.message, wrong.hint} : wrong);
  }
  std::string body;
  append_silence(body, *silence);
  return body;
}

Problem no_rules() {
  return {ProblemKind::kNotFound, "this server has no alert rules",
          "write them into the table [alerts] of its configuration"};
}

}  // namespace

void append_alert(std::string& out, const pipeline::AlertState& state) {
  out += '{';
  append_member(out, "rule", state.rule);
  append_member(out, "stream", state.stream);
  append_member(out, "channel", state.channel);
  append_member(out, "phase", name_of(state.phase));
  fmt::format_to(std::back_inserter(out), R"(,"since_ms":{},"count":{},"hits":{},"statistic":)", state.since_ms,
                 state.count, state.hits);
  append_json_float(out, static_cast<float>(state.statistic));
  out += ",\"threshold\":";
  append_json_float(out, static_cast<float>(state.threshold));
  append_member(out, "message", state.message);
  out += '}';
}

std::vector<pipeline::AlertState> alert_states(const pipeline::AlertBoard& board) {
  auto states = board.states();
  std::ranges::stable_sort(states, [](const pipeline::AlertState& a, const pipeline::AlertState& b) {
    const int rank_a = rank_of(a.phase);
    const int rank_b = rank_of(b.phase);
    return rank_a != rank_b ? rank_a < rank_b : a.since_ms > b.since_ms;
  });
  return states;
}

std::vector<Route> alert_routes(ServerContext& context, pipeline::AlertBoard* board, Background& background) {
  return {
      {.method = "GET", .pattern = "/v1/alerts", .handle = answered_by([board] { return alerts_json(board); })},
      {.method = "GET", .pattern = "/v1/silences", .handle = answered_by([board] { return silences_json(board); })},
      {.method = "POST",
       .pattern = "/v1/silences",
       .access = AccessLevel::kAdmin,
       .body = RouteBody::kJson,
       .handle =
           [&context, board, &background](const CallPointer& call) {
             if (board == nullptr) return call->refuse(no_rules());
             auto wanted = parse_silence(context, call->request().body);
             if (!wanted) return call->refuse(wanted.error());
             const auto work = [board, wanted = *std::move(wanted)] { return add_silence(*board, wanted); };
             answer_later(background, call, work, 201);
           }},
      {.method = "DELETE",
       .pattern = "/v1/silences/{}",
       .access = AccessLevel::kAdmin,
       .handle =
           [board, &background](const CallPointer& call) {
             if (board == nullptr) return call->refuse(no_rules());
             run_later(background, call, [board, call] {
               const Status ended = board->unsilence(std::string(call->parameter(0)));
               if (!ended) return call->refuse({ProblemKind::kNotFound, ended.error().to_string()});
               call->answer({.status = 204});
             });
           }},
  };
}

}  // namespace valence::server
