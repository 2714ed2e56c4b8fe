#include "valence/server/insight_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "valence/server/query_string.h"
#include "valence/store/label_queue.h"
#include "valence/store/top_words.h"
#include "valence/store/trend_report.h"

namespace valence::server {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 24 * 60 * kMinuteMs;
constexpr std::int64_t kMaxBuckets = 200'000;
constexpr std::size_t kMaxTrendCounts = 1'000'000;
constexpr std::size_t kMaxWords = 200;
constexpr std::size_t kMaxQueue = 200;
// The newest records of a period that are read for words and queues: tenths of a second.
constexpr std::size_t kMaxRead = 20'000;

// Counts are kept by minute, hour and day. The finer ones are used where a period is short enough for few rows.
constexpr std::int64_t kLongestByMinute = 2 * kDayMs;
constexpr std::int64_t kLongestByHour = 90 * kDayMs;

using Counts = std::vector<std::uint64_t>;  // [labels]

void append_numbers(std::string& out, const Counts& numbers) {
  out += '[';
  for (const std::uint64_t number : numbers) out += fmt::format("{}{}", out.ends_with('[') ? "" : ",", number);
  out += ']';
}

void append_labels(std::string& out, const std::vector<std::string>& labels) {
  out += "\"labels\":[";
  for (const auto& label : labels) {
    if (!out.ends_with('[')) out += ',';
    append_json_string(out, label);
  }
  out += ']';
}

Counts counts_of(const store::TrendPoint& point) {
  Counts counts;
  for (const auto& label : point.labels) counts.push_back(label.texts);
  return counts;
}

void add_to(Counts& sums, const Counts& more) {
  sums.resize(std::max(sums.size(), more.size()));
  for (std::size_t i = 0; i < more.size(); ++i) sums[i] += more[i];
}

std::uint64_t sum(const Counts& counts) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  return total;
}

struct Named {
  std::string name;
  Counts counts;
  std::vector<Named> parts = {};
};

/// The most first; what is beyond kMaxStreams goes together.
void rank(std::vector<Named>& all) {
  std::ranges::sort(all, [](const Named& a, const Named& b) {
    const auto texts_a = sum(a.counts);
    const auto texts_b = sum(b.counts);
    return texts_a != texts_b ? texts_a > texts_b : a.name < b.name;
  });
  if (all.size() <= kMaxStreams) return;
  Named other{.name = "other", .counts = {}};
  for (std::size_t i = kMaxStreams; i < all.size(); ++i) add_to(other.counts, all[i].counts);
  all.resize(kMaxStreams);
  all.push_back(std::move(other));
}

std::int64_t step_of(store::TimeBucket bucket) {
  return store::next_bucket(bucket, store::bucket_begin(bucket, 0)) - store::bucket_begin(bucket, 0);
}

/// `by=stream,channel`: which are named.
OrProblem<std::pair<bool, bool>> parse_by(const std::optional<std::string>& word) {
  if (!word) return std::pair(false, false);
  if (*word == "stream") return std::pair(true, false);
  if (*word == "channel") return std::pair(false, true);
  if (*word == "stream,channel" || *word == "channel,stream") return std::pair(true, true);
  return problem(ProblemKind::kBadRequest, "by: expected stream, channel or stream,channel");
}

OrProblem<store::TrendRequest> parse_trend(const QueryString& query, std::int64_t now_ms) {
  store::TrendRequest request{.max_counts = kMaxTrendCounts};
  if (const auto word = query.value("bucket")) {
    const auto bucket = store::parse_time_bucket(*word);
    if (!bucket) return problem(ProblemKind::kBadRequest, "bucket: expected minute, hour, day, week or month");
    request.bucket = *bucket;
  }
  SERVER_PASS(request.from_ms, query.time_ms("from"));
  SERVER_PASS(request.to_ms, query.time_ms("to"));
  request.stream = query.value("stream");
  request.channel = query.value("channel");
  SERVER_PASS(const auto by, parse_by(query.value("by")));
  std::tie(request.by_stream, request.by_channel) = by;
  if (request.from_ms && request.to_ms.value_or(now_ms) - *request.from_ms > kMaxBuckets * step_of(request.bucket)) {
    return problem(ProblemKind::kValidation,
                   fmt::format("the period has more than {} {}s", kMaxBuckets, store::name_of(request.bucket)),
                   "ask for a shorter period or a longer bucket");
  }
  return request;
}

OrProblem<std::string> trend_body(HistoryContext& history, const std::string& words) {
  constexpr auto kKeys = std::to_array<std::string_view>({"from", "to", "bucket", "stream", "channel", "by"});
  SERVER_PASS(const auto query, QueryString::parse(words, kKeys));
  SERVER_PASS(const auto request, parse_trend(query, history.server.clock.unix_ms()));
  SERVER_PASS(const auto trend, or_problem(history.store.trend(request)));
  return trend_json(request, trend);
}

OrProblem<std::string> streams_body(HistoryContext& history, const std::string& words) {
  constexpr auto kKeys = std::to_array<std::string_view>({"from", "to"});
  SERVER_PASS(const auto query, QueryString::parse(words, kKeys));
  store::TrendRequest request{.by_stream = true, .by_channel = true};
  SERVER_PASS(request.from_ms, query.time_ms("from"));
  SERVER_PASS(request.to_ms, query.time_ms("to"));
  if (request.from_ms) {
    const std::int64_t span = request.to_ms.value_or(history.server.clock.unix_ms()) - *request.from_ms;
    request.bucket = span <= kLongestByMinute ? store::TimeBucket::kMinute
                     : span <= kLongestByHour ? store::TimeBucket::kHour
                                              : store::TimeBucket::kDay;
  }
  SERVER_PASS(const auto trend, or_problem(history.store.trend(request)));
  return streams_json(trend);
}

OrProblem<std::string> words_body(HistoryContext& history, const std::string& words) {
  constexpr auto kKeys = std::to_array<std::string_view>({"label", "from", "to", "stream", "channel", "limit"});
  SERVER_PASS(const auto query, QueryString::parse(words, kKeys));
  const auto label = query.value("label");
  if (!label) return problem(ProblemKind::kBadRequest, "label: required", "name the label whose words to show");
  store::TopWordsRequest request{.label = *label, .least_score = store::kNotableWordScore, .max_records = kMaxRead};
  SERVER_PASS(request.filter.from_ms, query.time_ms("from"));
  SERVER_PASS(request.filter.to_ms, query.time_ms("to"));
  request.filter.stream = query.value("stream");
  request.filter.channel = query.value("channel");
  SERVER_PASS(request.words, query.count("limit", kMaxWords, 30));
  SERVER_PASS(const auto found, or_problem(store::top_words(history.store, request)));
  std::string body = "{";
  append_member(body, "label", *label);
  append_member(body, "text_policy", store::name_of(history.text));
  body += fmt::format(R"(,"records":{},"other_records":{},"complete":{},"words":[)", found.label_texts,
                      found.rest_texts, !found.is_sample);
  for (const auto& word : found.words) {
    if (!body.ends_with('[')) body += ',';
    body += '{';
    append_member(body, "word", word.word);
    body += fmt::format(R"(,"records":{},"other_records":{},"z":{:.4f}}})", word.texts, word.rest_texts, word.score);
  }
  return body + "]}";
}

OrProblem<std::string> queue_body(HistoryContext& history, const std::string& words) {
  constexpr auto kKeys = std::to_array<std::string_view>({"from", "to", "stream", "limit"});
  SERVER_PASS(const auto query, QueryString::parse(words, kKeys));
  store::QueueRequest request{.max_scanned = kMaxRead};
  SERVER_PASS(request.filter.from_ms, query.time_ms("from"));
  SERVER_PASS(request.filter.to_ms, query.time_ms("to"));
  request.filter.stream = query.value("stream");
  SERVER_PASS(request.count, query.count("limit", kMaxQueue, 20));
  SERVER_PASS(const auto queue, or_problem(store::make_label_queue(history.store, request)));
  std::string body = "{";
  append_member(body, "text_policy", store::name_of(history.text));
  body += fmt::format(",\"considered\":{},\"items\":[", queue.scanned);
  for (const auto& item : queue.items) {
    if (!body.ends_with('[')) body += ',';
    body += "{\"record\":";
    append_record(body, item.record);
    append_member(body, "reason", item.is_among_most_uncertain ? "uncertain" : "diverse");
    body += fmt::format(",\"uncertainty\":{:.4f}}}", item.uncertainty);
  }
  return body + "]}";
}

}  // namespace

std::string trend_json(const store::TrendRequest& request, const store::Trend& trend) {
  std::map<std::pair<std::string, std::string>, std::vector<const store::TrendPoint*>> series;
  for (const auto& point : trend.points) series[{point.stream, point.channel}].push_back(&point);
  std::string body = "{";
  append_member(body, "bucket", store::name_of(trend.bucket));
  body += ',';
  append_labels(body, trend.labels);
  body += ",\"series\":[";
  for (const auto& [name, points] : series) {
    body += body.ends_with('[') ? "{" : ",{";
    if (request.by_stream) append_member(body, "stream", name.first);
    if (request.by_channel) append_member(body, "channel", name.second);
    body += body.ends_with('{') ? "\"times_ms\":[" : ",\"times_ms\":[";
    for (const auto* point : points) body += fmt::format("{}{}", body.ends_with('[') ? "" : ",", point->from_ms);
    body += "],\"counts\":[";
    for (std::size_t label = 0; label < trend.labels.size(); ++label) {
      body += label == 0 ? "[" : ",[";
      for (const auto* point : points) {
        body += fmt::format("{}{}", body.ends_with('[') ? "" : ",", point->labels[label].texts);
      }
      body += ']';
    }
    body += "],\"score_sums\":[";
    for (std::size_t label = 0; label < trend.labels.size(); ++label) {
      body += label == 0 ? "[" : ",[";
      // Each score was rounded to 1e-6 before it was added.
      for (const auto* point : points) {
        body += fmt::format("{}{:.6f}", body.ends_with('[') ? "" : ",", point->labels[label].score_sum);
      }
      body += ']';
    }
    body += "]}";
  }
  return body + "]}";
}

std::string streams_json(const store::Trend& trend) {
  std::map<std::string, std::map<std::string, Counts>> found;
  for (const auto& point : trend.points) add_to(found[point.stream][point.channel], counts_of(point));
  std::vector<Named> streams;
  for (const auto& [stream, channels] : found) {
    Named named{.name = stream, .counts = {}};
    for (const auto& [channel, counts] : channels) {
      add_to(named.counts, counts);
      named.parts.push_back({.name = channel, .counts = counts});
    }
    rank(named.parts);
    streams.push_back(std::move(named));
  }
  rank(streams);
  std::string body = "{";
  append_labels(body, trend.labels);
  body += ",\"streams\":[";
  for (const Named& stream : streams) {
    body += body.ends_with('[') ? "{" : ",{";
    append_member(body, "stream", stream.name);
    body += ",\"counts\":";
    append_numbers(body, stream.counts);
    body += ",\"channels\":[";
    for (const Named& channel : stream.parts) {
      body += body.ends_with('[') ? "{" : ",{";
      append_member(body, "channel", channel.name);
      body += ",\"counts\":";
      append_numbers(body, channel.counts);
      body += '}';
    }
    body += "]}";
  }
  return body + "]}";
}

std::vector<Route> insight_routes(HistoryContext* history) {
  return {
      {.method = "GET", .pattern = "/v1/trend", .handle = answered_by(history, trend_body)},
      {.method = "GET", .pattern = "/v1/streams", .handle = answered_by(history, streams_body)},
      {.method = "GET", .pattern = "/v1/words", .handle = answered_by(history, words_body)},
      {.method = "GET", .pattern = "/v1/feedback/queue", .handle = answered_by(history, queue_body)},
  };
}

}  // namespace valence::server
