/// \file
/// Every rule over every stream: what fires, since when, and what receivers are to be told and when. Pure: the time is
/// given, so that a history is judged as live traffic would have been.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/alert/notification.h"
#include "valence/pipeline/alert_board.h"

namespace valence::alert {

/// When messages go out. As Alertmanager has it: alerts of one stream and receiver are told together.
struct GroupTiming {
  std::int64_t wait_ms = 30'000;           ///< from the first alert to the first message: what ends before is not told
  std::int64_t interval_ms = 300'000;      ///< between two messages of a group, at least
  std::int64_t repeat_ms = 4 * 3'600'000;  ///< while nothing changes but alerts still fire
};

/// A text as rules see it; views need to live through the call only.
struct Sample {
  std::string_view stream;
  std::string_view channel;
  std::string_view label;
  std::string_view text;  ///< kept only where a rule quotes examples
};

/// Streams and channels that a rule looks at by themselves; those that come later are judged together, as "other".
inline constexpr std::size_t kMaxFlows = 1000;
inline constexpr std::size_t kMaxSilences = 1000;

/// Not thread-safe. Times are milliseconds of one clock that does not go back.
class AlertBook {
 public:
  struct Options {
    std::vector<Rule> rules;  ///< each has passed check_rule; names are unique
    GroupTiming timing = {};
    std::int64_t begin_ms = 0;
    std::function<std::string()> new_id;  ///< for notifications and silences
  };
  explicit AlertBook(Options options);
  ~AlertBook();

  void observe(const Sample& sample, std::int64_t now_ms);
  /// Time has gone by: what is to be sent now.
  [[nodiscard]] std::vector<Notification> advance(std::int64_t now_ms);

  [[nodiscard]] std::vector<pipeline::AlertState> states() const;
  [[nodiscard]] const std::vector<Rule>& rules() const { return options_.rules; }
  /// By rule: how often an alert fired that a receiver was not told of, being silenced or over before it was due.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& suppressed() const { return suppressed_; }
  [[nodiscard]] std::vector<pipeline::Silence> silences() const;
  /// As pipeline::AlertBoard has it.
  Result<pipeline::Silence> silence(pipeline::Silence silence);
  Status unsilence(const std::string& id);

  /// What must outlive a restart, as keys and JSON objects; an empty value is a key that is gone.
  struct Entry {
    std::string key;
    std::string value;
  };
  /// What has changed since the last call.
  [[nodiscard]] std::vector<Entry> take_changes();
  /// Takes up an entry of an earlier run, or one that another process has written meanwhile. Entries of rules that are
  /// no more, and keys of others, are left alone. Errors: a value that is not ours.
  Status restore(const Entry& entry);

  /// Called when an alert fires or resolves, for those who count rather than send.
  std::function<void(const AlertItem&)> on_transition;

 private:
  struct Flow;
  struct Group;
  using FlowKey = std::string;

  Flow& flow_of(std::size_t rule, std::string_view stream, std::string_view channel, std::int64_t now_ms);
  void judge(std::size_t rule, Flow& flow, std::int64_t now_ms);
  void set_firing(std::size_t rule, Flow& flow, bool firing, std::int64_t now_ms);
  void touch(const std::string& receiver, const std::string& stream, std::int64_t now_ms);
  std::optional<Notification> flush(const std::string& receiver, Group& group, std::int64_t now_ms);
  [[nodiscard]] bool is_firing(const std::string& key) const;
  [[nodiscard]] bool is_silenced(const Rule& rule, const std::string& stream) const;
  [[nodiscard]] AlertItem item_of(const Rule& rule, const Flow& flow) const;
  void note_silence_changes(std::int64_t now_ms);
  void mark(std::string key);
  [[nodiscard]] std::string value_of(const std::string& key) const;

  Options options_;
  std::int64_t now_ms_;
  std::vector<std::map<FlowKey, std::unique_ptr<Flow>, std::less<>>> flows_;  // by rule
  std::map<std::pair<std::string, std::string>, Group> groups_;               // by receiver and stream
  std::map<std::string, pipeline::Silence> silences_;
  std::string active_silences_;  // ids, to see when one begins or ends
  std::vector<std::string> changed_;
  std::map<std::string, std::uint64_t> suppressed_;
  std::string key_;  // of the last sample: keeps its memory
};

}  // namespace valence::alert
