#include "valence/store/history_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "valence/base/base64.h"
#include "valence/base/utf8.h"
#include "valence/store/search_words.h"

namespace valence::store {
namespace {

/// Finds nothing: a question without a word in it.
constexpr std::string_view kNothing = "1 = 0";

void add_search(SqlConditions& conditions, std::string_view question, SearchPlan plan) {
  auto query = search_query(conditions.dialect(), question);
  if (!query) {
    conditions.add(kNothing);
    return;
  }
  switch (conditions.dialect()) {
    case SqlDialect::kSqlite: {
      // The plus keeps the planner from going by the row ids.
      const std::string_view column = plan == SearchPlan::kPickOut ? "+seq" : "seq";
      conditions.add(fmt::format("{} IN (SELECT rowid FROM search WHERE search MATCH ", column), std::move(*query),
                     ")");
      break;
    }
    case SqlDialect::kPostgres:
      conditions.add("words @@ ", std::move(*query), "::tsquery");
      break;
  }
}

void add_equal(SqlConditions& conditions, std::string_view column, const std::optional<std::string>& value) {
  if (value) conditions.add(fmt::format("{} = ", column), storable_text(*value));
}

constexpr std::string_view kCursorMark = "v1:";

}  // namespace

std::optional<std::string> search_query(SqlDialect dialect, std::string_view search) {
  const auto terms = search_terms(to_valid_utf8(search));
  if (terms.empty()) return std::nullopt;
  // Both query languages take a quoted word and a star or ":*" for beginnings; words hold letters, digits and symbols
  // of scripts, never quotes.
  std::string query;
  for (const auto& [word, is_prefix] : terms) {
    switch (dialect) {
      case SqlDialect::kSqlite:
        query += fmt::format("{}\"{}\"{}", query.empty() ? "" : " AND ", word, is_prefix ? "*" : "");
        break;
      case SqlDialect::kPostgres:
        query += fmt::format("{}'{}'{}", query.empty() ? "" : " & ", word, is_prefix ? ":*" : "");
        break;
    }
  }
  return query;
}

void SqlConditions::add(std::string_view before, SqlValue value, std::string_view after) {
  const std::string placed = place(std::move(value));
  add(fmt::format("{}{}{}", before, placed, after));
}

void SqlConditions::add(std::string_view condition) {
  conditions_ += conditions_.empty() ? " WHERE " : " AND ";
  conditions_ += condition;
}

std::string SqlConditions::place(SqlValue value) {
  values_.push_back(std::move(value));
  switch (dialect_) {
    case SqlDialect::kSqlite:
      return fmt::format("?{}", values_.size());
    case SqlDialect::kPostgres: {
      // The types of parameters that are only compared would be guessed from the column: text for both sides of ||.
      constexpr std::string_view kTypes[] = {"bigint", "double precision", "text"};
      return fmt::format("${}::{}", values_.size(), kTypes[values_.back().index()]);
    }
  }
  return {};
}

std::string SqlConditions::where() const { return conditions_; }

void add_conditions(SqlConditions& conditions, const HistoryFilter& filter, SearchPlan plan) {
  if (filter.from_ms) conditions.add("time_ms >= ", *filter.from_ms);
  if (filter.to_ms) conditions.add("time_ms < ", *filter.to_ms);
  add_equal(conditions, "id", filter.id);
  add_equal(conditions, "stream", filter.stream);
  add_equal(conditions, "channel", filter.channel);
  add_equal(conditions, "label", filter.label);
  add_equal(conditions, "subject", filter.subject);
  add_equal(conditions, "text_sha256", filter.text_sha256);
  add_equal(conditions, "model", filter.model);
  add_equal(conditions, "model_version", filter.model_version);
  if (filter.min_score) conditions.add("score >= ", static_cast<double>(*filter.min_score));
  if (filter.max_score) conditions.add("score <= ", static_cast<double>(*filter.max_score));
  if (filter.corrected) conditions.add(*filter.corrected ? "correction <> ''" : "correction = ''");
  if (filter.search) add_search(conditions, *filter.search, plan);
}

void add_conditions(SqlConditions& conditions, const FeedbackFilter& filter) {
  if (filter.from_ms) conditions.add("time_ms >= ", *filter.from_ms);
  if (filter.to_ms) conditions.add("time_ms < ", *filter.to_ms);
  add_equal(conditions, "label", filter.label);
  add_equal(conditions, "stream", filter.stream);
  add_equal(conditions, "record_id", filter.record_id);
}

void add_conditions(SqlConditions& conditions, const TrendRequest& request) {
  conditions.add("level = ", std::int64_t{tally_level(request.bucket)});
  if (request.from_ms) conditions.add("bucket_ms >= ", bucket_begin(request.bucket, *request.from_ms));
  if (request.to_ms) {
    const std::int64_t begin = bucket_begin(request.bucket, *request.to_ms);
    conditions.add("bucket_ms < ", begin == *request.to_ms ? begin : next_bucket(request.bucket, begin));
  }
  add_equal(conditions, "stream", request.stream);
  add_equal(conditions, "channel", request.channel);
}

std::optional<SqlConditions> loose_corrections(SqlDialect dialect, const HistoryFilter& filter) {
  SqlConditions conditions(dialect);
  if (filter.is_empty()) return conditions;
  const bool names_any = (filter.subject && !filter.subject->empty()) || filter.text_sha256 || filter.id;
  const bool asks_records = filter.label || filter.model || filter.model_version || filter.search || filter.min_score ||
                            filter.max_score || filter.corrected;
  if (!names_any || asks_records) return std::nullopt;
  if (filter.from_ms) conditions.add("time_ms >= ", *filter.from_ms);
  if (filter.to_ms) conditions.add("time_ms < ", *filter.to_ms);
  add_equal(conditions, "record_id", filter.id);
  add_equal(conditions, "stream", filter.stream);
  add_equal(conditions, "channel", filter.channel);
  add_equal(conditions, "subject", filter.subject);
  add_equal(conditions, "text_sha256", filter.text_sha256);
  std::string same_record = "record.id = feedback.record_id";
  if (filter.subject) same_record += " AND record.subject = feedback.subject";
  if (filter.text_sha256) same_record += " AND record.text_sha256 = feedback.text_sha256";
  conditions.add(fmt::format("NOT EXISTS (SELECT 1 FROM record WHERE {})", same_record));
  return conditions;
}

std::string cursor_of(const HistoryPosition& position) {
  std::string cursor = encode_base64(fmt::format("{}{}:{}", kCursorMark, position.time_ms, position.id));
  while (cursor.ends_with('=')) cursor.pop_back();
  std::ranges::replace(cursor, '+', '-');
  std::ranges::replace(cursor, '/', '_');
  return cursor;
}

Result<HistoryPosition> parse_cursor(std::string_view cursor) {
  const auto refuse = [] {
    return fail(ErrorCode::kInvalidArgument, "cursor", "is none that a page before has given",
                "take \"next\" of that page as it is, or leave the cursor out");
  };
  std::string base64(cursor);
  if (base64.find_first_of("+/=") != base64.npos) return refuse();
  std::ranges::replace(base64, '-', '+');
  std::ranges::replace(base64, '_', '/');
  while (base64.size() % 4 != 0) base64 += '=';
  const auto plain = decode_base64(base64);
  if (!plain || !plain->starts_with(kCursorMark) || plain->find('\0') != plain->npos || find_invalid_utf8(*plain)) {
    return refuse();
  }
  const std::string_view rest = std::string_view(*plain).substr(kCursorMark.size());
  const auto colon = rest.find(':');
  if (colon == rest.npos) return refuse();
  HistoryPosition position;
  const auto [end, failed] = std::from_chars(rest.data(), rest.data() + colon, position.time_ms);
  if (failed != std::errc() || end != rest.data() + colon) return refuse();
  position.id = rest.substr(colon + 1);
  return position;
}

Status add_conditions(SqlConditions& conditions, const PageRequest& page) {
  if (page.limit < 1 || page.limit > kMaxPageItems) {
    return fail(ErrorCode::kInvalidArgument, "limit",
                fmt::format("{} is not between 1 and {}", page.limit, kMaxPageItems));
  }
  if (page.cursor.empty()) return {};
  VALENCE_TRY(const HistoryPosition position, parse_cursor(page.cursor));
  const std::string time = conditions.place(position.time_ms);
  const std::string id = conditions.place(position.id);
  conditions.add(fmt::format("(time_ms, id) < ({}, {})", time, id));
  return {};
}

std::string describe(const HistoryFilter& filter) {
  std::string words;
  const auto say = [&](std::string_view name, std::string_view value) {
    if (!words.empty()) words += ' ';
    words += name;
    words += '=';
    words += value;
  };
  if (filter.from_ms) say("from", rfc3339_ms(*filter.from_ms));
  if (filter.to_ms) say("to", rfc3339_ms(*filter.to_ms));
  if (filter.id) say("id", *filter.id);
  if (filter.stream) say("stream", *filter.stream);
  if (filter.channel) say("channel", *filter.channel);
  if (filter.label) say("label", *filter.label);
  if (filter.subject) say("subject", "(not kept)");
  if (filter.text_sha256) say("text_sha256", *filter.text_sha256);
  if (filter.model) say("model", *filter.model);
  if (filter.model_version) say("model_version", *filter.model_version);
  if (filter.search) say("search", "(not kept)");
  if (filter.min_score) say("min_score", fmt::format("{}", *filter.min_score));
  if (filter.max_score) say("max_score", fmt::format("{}", *filter.max_score));
  if (filter.corrected) say("corrected", *filter.corrected ? "true" : "false");
  return words.empty() ? "everything" : storable_text(words);
}

std::string retention_by_age(std::int64_t before_ms) { return "to=" + rfc3339_ms(before_ms); }

std::string retention_by_size(std::uint64_t max_bytes) { return fmt::format("max_bytes={}", max_bytes); }

std::string latest_correction(std::string_view id) {
  // The comparison with '' lets both databases take their index over the corrections of records.
  return fmt::format(
      "coalesce((SELECT label FROM feedback WHERE record_id = {} AND record_id <> '' ORDER BY time_ms DESC, id DESC"
      " LIMIT 1), '')",
      id);
}

std::string set_correction(SqlDialect dialect) {
  const std::string_view id = dialect == SqlDialect::kSqlite ? "?1" : "$1";
  return fmt::format("UPDATE record SET correction = {} WHERE id = {}", latest_correction(id), id);
}

int tally_level(TimeBucket bucket) {
  switch (bucket) {
    case TimeBucket::kMinute:
      return kMinuteLevel;
    case TimeBucket::kHour:
      return kHourLevel;
    case TimeBucket::kDay:
    case TimeBucket::kWeek:
    case TimeBucket::kMonth:
      return kDayLevel;
  }
  return kDayLevel;
}

std::int64_t score_micro(double score) {
  constexpr double kMicro = 1e6;
  constexpr double kMost = 1e12;  // regression heads answer with any number; sums must not overflow
  return std::llround(std::clamp(score, -kMost, kMost) * kMicro);
}

bool TrendBuilder::add(std::int64_t bucket_ms, std::string_view stream, std::string_view channel,
                       std::string_view label, std::uint64_t texts, std::int64_t micro) {
  if (rows_.size() > request_.max_counts) return false;
  // Databases give them in order: the place is the end.
  Sums& sums = rows_
                   .try_emplace(rows_.end(), Key{bucket_begin(request_.bucket, bucket_ms), std::string(stream),
                                                 std::string(channel), std::string(label)})
                   ->second;
  sums.texts += texts;
  sums.micro += micro;
  return true;
}

Result<Trend> TrendBuilder::finish() {
  const auto is_same_point = [](const Key& a, const Key& b) {
    return a.from_ms == b.from_ms && a.stream == b.stream && a.channel == b.channel;
  };
  Trend trend{.bucket = request_.bucket, .labels = {}, .points = {}};
  std::set<std::string_view> labels;
  std::size_t points = 0;
  const Key* last = nullptr;
  for (const auto& [key, sums] : rows_) {
    labels.insert(key.label);
    if (last == nullptr || !is_same_point(*last, key)) ++points;
    last = &key;
  }
  if (points * labels.size() > request_.max_counts) {
    return fail(ErrorCode::kUnsupported, "trend",
                fmt::format("has more than {} counts: one for each label of each point", request_.max_counts),
                "ask for a shorter period, a longer bucket, one stream or one channel");
  }
  trend.labels.assign(labels.begin(), labels.end());
  trend.points.reserve(points);
  std::vector<std::int64_t> micros(trend.labels.size());  // of the point under way: whole numbers add up exactly
  const auto close_point = [&] {
    for (std::size_t i = 0; i < micros.size() && !trend.points.empty(); ++i) {
      trend.points.back().labels[i].score_sum = static_cast<double>(micros[i]) / 1e6;
    }
    std::ranges::fill(micros, 0);
  };
  last = nullptr;
  for (const auto& [key, sums] : rows_) {
    if (last == nullptr || !is_same_point(*last, key)) {
      close_point();
      trend.points.push_back({key.from_ms, key.stream, key.channel, std::vector<LabelCount>(trend.labels.size())});
    }
    last = &key;
    const auto label =
        static_cast<std::size_t>(std::ranges::lower_bound(trend.labels, key.label) - trend.labels.begin());
    trend.points.back().labels[label].texts += sums.texts;
    micros[label] += sums.micro;
  }
  close_point();
  return trend;
}

std::vector<TallyRow> tallies_of(const std::vector<const StoredRecord*>& records) {
  struct Sums {
    std::int64_t texts = 0;
    std::int64_t with_text = 0;
    std::int64_t micro = 0;
  };
  using Key = std::tuple<int, std::int64_t, std::string_view, std::string_view, std::string_view>;
  std::map<Key, Sums> minutes;
  for (const StoredRecord* stored : records) {
    const auto& record = stored->record;
    Sums& sums = minutes[{kMinuteLevel, bucket_begin(TimeBucket::kMinute, record.time_ms), record.stream,
                          record.channel, record.label}];
    ++sums.texts;
    sums.with_text += record.text.empty() ? 0 : 1;
    sums.micro += score_micro(record.score);
  }
  std::map<Key, Sums> all = minutes;
  for (const auto& [key, sums] : minutes) {
    const auto& [level, minute, stream, channel, label] = key;
    for (const auto& [coarser, bucket] :
         {std::pair(kHourLevel, TimeBucket::kHour), std::pair(kDayLevel, TimeBucket::kDay)}) {
      Sums& wider = all[{coarser, bucket_begin(bucket, minute), stream, channel, label}];
      wider.texts += sums.texts;
      wider.with_text += sums.with_text;
      wider.micro += sums.micro;
    }
  }
  std::vector<TallyRow> rows;
  rows.reserve(all.size());
  for (const auto& [key, sums] : all) {
    const auto& [level, bucket_ms, stream, channel, label] = key;
    rows.push_back({level, bucket_ms, stream, channel, label, sums.texts, sums.with_text, sums.micro});
  }
  return rows;
}

}  // namespace valence::store
