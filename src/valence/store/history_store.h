/// \file
/// What was classified, when, by which model, and what people said of it: the port over SQLite and PostgreSQL.
///
/// Times are Unix milliseconds, UTC. Periods are [from, to). Every string handed out is valid UTF-8 without U+0000.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/store/stored_record.h"
#include "valence/store/time_bucket.h"

namespace valence::store {

/// Which records; what is not set does not narrow. Comparisons are exact and case-sensitive, `search` aside.
struct HistoryFilter {
  std::optional<std::int64_t> from_ms = {};
  std::optional<std::int64_t> to_ms = {};
  std::optional<std::string> id = {};
  std::optional<std::string> stream = {};
  std::optional<std::string> channel = {};
  std::optional<std::string> label = {};
  std::optional<std::string> subject = {};
  std::optional<std::string> text_sha256 = {};
  std::optional<std::string> model = {};
  std::optional<std::string> model_version = {};
  /// Words that must all stand in the text, in any order, whatever their case and accents; a word that ends with '*' is
  /// a beginning. Finds nothing among texts that were not stored.
  std::optional<std::string> search = {};
  std::optional<float> min_score = {};  ///< inclusive
  std::optional<float> max_score = {};  ///< inclusive
  std::optional<bool> corrected = {};   ///< whether people gave it a label

  /// Nothing is set: all records.
  [[nodiscard]] bool is_empty() const;
};

inline constexpr std::size_t kMaxPageItems = 1000;

struct PageRequest {
  std::size_t limit = 50;  ///< 1 to kMaxPageItems
  std::string cursor{};    ///< `next` of the page before; empty for the first
};

/// Newest first; among equal times the ids in descending order.
struct HistoryPage {
  std::vector<StoredRecord> items;
  std::string next;  ///< opaque, URL-safe; empty: no more
};

/// How many of each label, by time.
struct TrendRequest {
  TimeBucket bucket = TimeBucket::kDay;
  /// Widened to whole buckets. Absent: from the first record, up to the last.
  std::optional<std::int64_t> from_ms = {};
  std::optional<std::int64_t> to_ms = {};
  std::optional<std::string> stream = {};
  std::optional<std::string> channel = {};
  bool by_stream = false;  ///< a point for each stream of a bucket, instead of one for all
  bool by_channel = false;
  /// Of the answer: each point counts every label.
  std::size_t max_counts = std::numeric_limits<std::size_t>::max();
};

struct LabelCount {
  std::uint64_t texts = 0;
  double score_sum = 0;  ///< of the answers' scores, each rounded to 1e-6

  [[nodiscard]] double mean_score() const { return texts == 0 ? 0 : score_sum / static_cast<double>(texts); }
};

struct TrendPoint {
  std::int64_t from_ms = 0;        ///< the bucket's begin
  std::string stream;              ///< empty unless by_stream
  std::string channel;             ///< empty unless by_channel
  std::vector<LabelCount> labels;  ///< one for each of Trend::labels

  [[nodiscard]] LabelCount total() const;
};

/// Buckets without records have no point. Points ascend by time, then stream, then channel.
struct Trend {
  TimeBucket bucket = TimeBucket::kDay;
  std::vector<std::string> labels;  ///< that occur, ascending
  std::vector<TrendPoint> points;
};

/// What a person says is right. It stores its text, whatever the text policy: training needs it.
struct Feedback {
  std::string id{};  ///< ULID; made by add_feedback where it is empty, and a repeated one is the same correction
  std::int64_t time_ms = 0;
  std::string record_id{};  ///< of the record that was wrong; empty where a text was labelled by itself
  std::string text{};       ///< may be empty in a request when the record's text is stored
  std::string label{};      ///< the right one
  std::string predicted{};  ///< what the record said, or what the caller says it said; may be empty
  std::string stream{};
  std::string channel{};
  std::string subject{};
  std::string note{};
  std::string source{};  ///< who asked: "api", "page", "cli", "label-studio"
  std::string model_version{};
};

struct FeedbackFilter {
  std::optional<std::int64_t> from_ms = {};
  std::optional<std::int64_t> to_ms = {};
  std::optional<std::string> label = {};
  std::optional<std::string> stream = {};
  std::optional<std::string> record_id = {};
};

/// Newest first.
struct FeedbackPage {
  std::vector<Feedback> items;
  std::string next;
};

struct EraseOptions {
  bool dry_run = false;           ///< only count
  bool keep_corrections = false;  ///< of the records that go
};

struct Erased {
  std::uint64_t records = 0;
  std::uint64_t corrections = 0;
  /// False when something kept the store from overwriting the last copies (a reader that holds the write-ahead log, a
  /// full disk); the next erasure, or the last one to close the store, does it.
  bool scrubbed = true;
};

/// How much may be kept; 0 is no limit.
struct Retention {
  std::int64_t max_age_ms = 0;
  std::uint64_t max_bytes = 0;
};

struct HistoryStats {
  std::string backend;   ///< "sqlite" or "postgresql"
  std::string location;  ///< a path, or host and database; no password
  int schema_version = 0;
  std::uint64_t records = 0;
  std::uint64_t texts = 0;  ///< records whose text is stored
  std::uint64_t corrections = 0;
  std::uint64_t size_bytes = 0;
  std::optional<std::int64_t> oldest_ms;
  std::optional<std::int64_t> newest_ms;
};

/// An export or a deletion, without a word of what was in it.
struct AccessEntry {
  std::int64_t time_ms = 0;
  std::string action;  ///< "export", "delete", "retention"
  std::string detail;  ///< the filter's fields; of subject and search only that they were used
  std::uint64_t records = 0;
};

/// Return false to stop.
using RecordVisitor = std::function<bool(const StoredRecord& record)>;

/// Thread-safe. Errors, each with what to do: kIo (disk full, read-only, a broken file), kRemote (the server of a
/// database is away), kUnsupported (a newer schema), kOverloaded (locked by another process for too long),
/// kInvalidArgument (a cursor that is none, a limit out of range, a record that no attempt would store). After an error
/// nothing has changed.
class HistoryStore {
 public:
  HistoryStore() = default;
  HistoryStore(const HistoryStore&) = delete;
  HistoryStore& operator=(const HistoryStore&) = delete;
  virtual ~HistoryStore() = default;

  /// All or nothing, on the disk when it returns. A record whose id is there already, or was deleted, is left out.
  /// Returns how many were new.
  [[nodiscard]] virtual Result<std::size_t> write(std::span<const StoredRecord> records) = 0;

  [[nodiscard]] virtual Result<HistoryPage> query(const HistoryFilter& filter, const PageRequest& page) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> count(const HistoryFilter& filter) = 0;
  /// Errors: kUnsupported (more than request.max_counts).
  [[nodiscard]] virtual Result<Trend> trend(const TrendRequest& request) = 0;

  /// Returns it as it was stored, with id and what the record tells. Errors: kNotFound (no such record), kInvalidData
  /// (neither a text nor a record whose text is stored; no label).
  [[nodiscard]] virtual Result<Feedback> add_feedback(Feedback feedback) = 0;
  [[nodiscard]] virtual Result<FeedbackPage> feedback(const FeedbackFilter& filter, const PageRequest& page) = 0;
  /// True when there was one.
  [[nodiscard]] virtual Result<bool> erase_feedback(const std::string& id) = 0;

  /// Removes records, their words and figures, so that no file of the store holds them, and remembers their ids, so
  /// that nothing writes them again. An empty filter means all records. Unless it is a dry run, the access log hears
  /// of it in the same transaction; of retain() likewise.
  [[nodiscard]] virtual Result<Erased> erase(const HistoryFilter& filter, const EraseOptions& options) = 0;
  /// Removes the oldest records until `retention` holds; corrections stay, they are for training.
  [[nodiscard]] virtual Result<Erased> retain(const Retention& retention, std::int64_t now_ms) = 0;

  [[nodiscard]] virtual Result<HistoryStats> stats() = 0;
  [[nodiscard]] virtual Status log_access(const AccessEntry& entry) = 0;
  /// The latest first.
  [[nodiscard]] virtual Result<std::vector<AccessEntry>> access_log(std::size_t limit) = 0;

  /// Shows every record of `filter` to `visit`, newest first, page by page: memory does not grow, and records that
  /// arrive meanwhile are not seen.
  [[nodiscard]] Status scan(const HistoryFilter& filter, const RecordVisitor& visit);
};

}  // namespace valence::store
