#include "valence/cli/alerts_config.h"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>

#include "valence/alert/rule_line.h"
#include "valence/base/file.h"
#include "valence/cli/config_file.h"
#include "valence/cli/nearest_word.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;
using Kind = ConfigValue::Kind;

constexpr std::uint64_t kMaxSecretBytes = std::uint64_t{16} << 10U;
constexpr std::int64_t kMaxTimeoutMs = 60'000;
constexpr std::size_t kMaxRules = 200;
constexpr std::size_t kMaxReceivers = 16;  // each has a thread

tl::unexpected<Error> refuse(const ConfigValue& value, std::string what, std::string hint = {}) {
  return fail(ErrorCode::kInvalidArgument, value.place, std::move(what), std::move(hint));
}

/// Members of a table by name, each read by its own rule; an absent one leaves the target as it is.
class TableReader {
 public:
  explicit TableReader(const ConfigValue& table) : table_(table) {}

  Status text(const char* key, std::string& target) const {
    return read(key, Kind::kText, "a text", [&](const ConfigValue& value) {
      target = value.text;
      return Status();
    });
  }
  Status boolean(const char* key, bool& target) const {
    return read(key, Kind::kBoolean, "true or false", [&](const ConfigValue& value) {
      target = value.boolean;
      return Status();
    });
  }
  Status count(const char* key, std::uint64_t& target) const {
    return read(key, Kind::kInteger, "a whole number", [&](const ConfigValue& value) -> Status {
      if (value.integer < 0) return refuse(value, fmt::format("\"{}\" is negative", key));
      target = static_cast<std::uint64_t>(value.integer);
      return {};
    });
  }
  Status duration(const char* key, std::int64_t& target) const {
    return read(key, Kind::kText, "a duration", [&](const ConfigValue& value) -> Status {
      const auto ms = alert::parse_duration_ms(value.text);
      if (!ms) return refuse(value, fmt::format("\"{}\" is no duration", value.text), "e.g. \"30s\", \"15m\", \"2h\"");
      target = *ms;
      return {};
    });
  }
  template <class Target>
  Status share(const char* key, Target& target) const {
    return read(key, Kind::kText, "a share", [&](const ConfigValue& value) -> Status {
      const auto share = alert::parse_share(value.text);
      if (!share) return fail(share.error().in(value.place));
      target = *share;
      return {};
    });
  }
  Status texts(const char* key, std::vector<std::string>& target) const {
    const ConfigValue* const value = table_.find(key);
    if (value != nullptr && value->kind == Kind::kText) {
      target = {value->text};
      return {};
    }
    return read(key, Kind::kList, "a text or a list of texts", [&](const ConfigValue& list) -> Status {
      target.clear();
      for (const ConfigValue& item : list.items) {
        if (item.kind != Kind::kText) return refuse(item, fmt::format("\"{}\" holds something that is no text", key));
        target.push_back(item.text);
      }
      return {};
    });
  }

 private:
  Status read(const char* key, Kind kind, const char* expected,
              const std::function<Status(const ConfigValue&)>& take) const {
    const ConfigValue* const value = table_.find(key);
    if (value == nullptr) return {};
    if (value->kind != kind) return refuse(*value, fmt::format("\"{}\" must be {}", key, expected));
    return take(*value);
  }

  const ConfigValue& table_;
};

/// A secret that stands in a file, in the environment, or in the configuration itself.
Result<Secret> read_secret(const ConfigValue& table, const std::string& name) {
  std::string literal;
  std::string file;
  std::string variable;
  const TableReader reader(table);
  VALENCE_TRY_STATUS(reader.text(name.c_str(), literal));
  VALENCE_TRY_STATUS(reader.text((name + "_file").c_str(), file));
  VALENCE_TRY_STATUS(reader.text((name + "_env").c_str(), variable));
  if (!literal.empty() + !file.empty() + !variable.empty() > 1)
    return refuse(table, fmt::format("has more than one of {0}, {0}_file and {0}_env", name), "leave one");
  if (!file.empty()) {
    // systemd hands credentials over in a directory of its own.
    if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY"); credentials != nullptr && file[0] != '/')
      file = (fs::path(credentials) / file).string();
    auto text = read_file(file, kMaxSecretBytes);
    if (!text) return fail(text.error().in(table.place));
    while (text->ends_with('\n') || text->ends_with('\r') || text->ends_with(' ')) text->pop_back();
    return Secret(std::move(*text));
  }
  if (!variable.empty()) {
    const char* const value = std::getenv(variable.c_str());
    if (value == nullptr) return refuse(table, fmt::format("the variable {} is not set", variable));
    return Secret(value);
  }
  return Secret(std::move(literal));
}

Result<alert::Receiver> read_receiver(const std::string& name, const ConfigValue& table) {
  if (table.kind != Kind::kTable) return refuse(table, fmt::format("receiver \"{}\" must be a table", name));
  if (const auto error = unknown_key(table, {"kind", "url", "url_file", "url_env", "key", "key_file", "key_env",
                                             "template", "ca_file", "allow_private", "timeout"}))
    return fail(*error);
  alert::Receiver receiver;
  receiver.name = name;
  const TableReader reader(table);
  std::string kind = name;
  VALENCE_TRY_STATUS(reader.text("kind", kind));
  if (kind == "slack") {
    receiver.kind = alert::ReceiverKind::kSlack;
  } else if (kind == "webhook") {
    receiver.kind = alert::ReceiverKind::kWebhook;
  } else if (kind == "alertmanager") {
    receiver.kind = alert::ReceiverKind::kAlertmanager;
  } else {
    const std::string meant = nearest_word(kind, {"slack", "webhook", "alertmanager"});
    return refuse(table, fmt::format("\"{}\" is no kind of receiver", kind),
                  meant.empty() ? "kind = \"slack\", \"webhook\" or \"alertmanager\""
                                : fmt::format("did you mean kind = \"{}\"?", meant));
  }
  VALENCE_TRY(receiver.url, read_secret(table, "url"));
  VALENCE_TRY(receiver.signing_key, read_secret(table, "key"));
  VALENCE_TRY_STATUS(reader.text("template", receiver.body_template));
  VALENCE_TRY_STATUS(reader.text("ca_file", receiver.ca_file));
  VALENCE_TRY_STATUS(reader.boolean("allow_private", receiver.allow_private));
  std::int64_t timeout_ms = receiver.timeout.count();
  VALENCE_TRY_STATUS(reader.duration("timeout", timeout_ms));
  if (timeout_ms > kMaxTimeoutMs) return refuse(table, "waits more than a minute for an answer", "timeout = \"10s\"");
  receiver.timeout = std::chrono::milliseconds(timeout_ms);
  if (const Status right = check_receiver(receiver); !right) return fail(right.error().in(table.place));
  return receiver;
}

/// A rule as a table: the same as a line, key by key.
Result<alert::Rule> read_rule(const ConfigValue& table) {
  if (table.kind != Kind::kTable) return refuse(table, "a rule must be a table, or a line in rules = [...]");
  if (const auto error = unknown_key(
          table, {"name", "kind", "labels", "stream", "per_channel", "above", "last", "at_least", "clear_at", "usual",
                  "learn", "one_false_alarm_in", "for", "cooldown", "examples", "receivers"}))
    return fail(*error);
  alert::Rule rule;
  const TableReader reader(table);
  std::string kind = table.find("above") != nullptr ? "ratio" : "baseline";
  VALENCE_TRY_STATUS(reader.text("kind", kind));
  if (kind == "ratio") {
    rule.kind = alert::RuleKind::kRatio;
  } else if (kind == "baseline") {
    rule.kind = alert::RuleKind::kBaseline;
  } else if (kind == "change") {
    rule.kind = alert::RuleKind::kChange;
  } else {
    return refuse(table, fmt::format("\"{}\" is no kind of rule", kind), "ratio, baseline or change");
  }
  const bool is_ratio = rule.kind == alert::RuleKind::kRatio;
  for (const char* key : {"above", "last", "at_least", "clear_at"}) {
    if (!is_ratio && table.find(key) != nullptr)
      return refuse(*table.find(key), fmt::format("\"{}\" means nothing to a rule of kind \"{}\"", key, kind));
  }
  for (const char* key : {"usual", "learn", "one_false_alarm_in"}) {
    if (is_ratio && table.find(key) != nullptr)
      return refuse(*table.find(key), fmt::format("\"{}\" means nothing to a rule of kind \"{}\"", key, kind));
  }
  if (is_ratio && table.find("above") == nullptr)
    return refuse(table, "a ratio rule needs \"above\"", "above = \"10%\"");
  VALENCE_TRY_STATUS(reader.texts("labels", rule.labels));
  VALENCE_TRY_STATUS(reader.text("stream", rule.stream));
  VALENCE_TRY_STATUS(reader.boolean("per_channel", rule.per_channel));
  VALENCE_TRY_STATUS(reader.share("above", rule.limit));
  if (const ConfigValue* last = table.find("last"); last != nullptr && last->kind == Kind::kInteger) {
    VALENCE_TRY_STATUS(reader.count("last", rule.window_texts));
  } else {
    VALENCE_TRY_STATUS(reader.duration("last", rule.window_ms));
  }
  VALENCE_TRY_STATUS(reader.count("at_least", rule.min_texts));
  VALENCE_TRY_STATUS(reader.share("clear_at", rule.clear_limit));
  VALENCE_TRY_STATUS(reader.share("usual", rule.usual));
  VALENCE_TRY_STATUS(reader.count("learn", rule.learn_texts));
  VALENCE_TRY_STATUS(reader.count("one_false_alarm_in", rule.false_alarm_texts));
  VALENCE_TRY_STATUS(reader.duration("for", rule.for_ms));
  VALENCE_TRY_STATUS(reader.duration("cooldown", rule.cooldown_ms));
  std::uint64_t examples = 0;
  VALENCE_TRY_STATUS(reader.count("examples", examples));
  rule.examples = static_cast<unsigned>(std::min<std::uint64_t>(examples, alert::kMaxExamples + 1));
  VALENCE_TRY_STATUS(reader.texts("receivers", rule.receivers));
  rule.name = rule.condition();
  VALENCE_TRY_STATUS(reader.text("name", rule.name));
  if (const Status right = check_rule(rule); !right) return fail(right.error().in(table.place));
  return rule;
}

Status read_rules(const ConfigValue& table, alert::AlertSettings& settings) {
  if (const ConfigValue* lines = table.find("rules")) {
    if (lines->kind != Kind::kList)
      return refuse(*lines, "\"rules\" must be a list of lines", "rules = [\"negative > 10% of last 100 -> slack\"]");
    for (const ConfigValue& line : lines->items) {
      if (line.kind != Kind::kText) return refuse(line, "a rule must be a line of text, or a table [[alerts.rule]]");
      auto rule = alert::parse_rule_line(line.text);
      if (!rule) return fail(rule.error().in(line.place));
      settings.rules.push_back(std::move(*rule));
    }
  }
  if (const ConfigValue* tables = table.find("rule")) {
    if (tables->kind != Kind::kList) return refuse(*tables, "rules are written as [[alerts.rule]]");
    for (const ConfigValue& one : tables->items) {
      VALENCE_TRY(settings.rules.emplace_back(), read_rule(one));
    }
  }
  if (settings.rules.size() > kMaxRules)
    return refuse(table, fmt::format("{} rules", settings.rules.size()), fmt::format("at most {}", kMaxRules));
  return {};
}

}  // namespace

Result<fs::path> default_alert_state_file() {
  const char* const xdg = std::getenv("XDG_STATE_HOME");
  if (xdg != nullptr && *xdg != '\0') return fs::path(xdg) / "valence/alerts.journal";
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return fs::path(home) / ".local/state/valence/alerts.journal";
  return fail(ErrorCode::kInvalidArgument, "HOME", "is not set, so there is no place for the state of alerts",
              "set XDG_STATE_HOME, or state_file in [alerts]");
}

Result<alert::AlertSettings> read_alert_settings(const std::vector<fs::path>& files) {
  VALENCE_TRY(const auto table, config_table(files, "alerts"));
  return read_alert_settings(table ? &*table : nullptr);
}

Result<alert::AlertSettings> read_alert_settings(const ConfigValue* table) {
  alert::AlertSettings settings;
  std::string state_file;
  if (table != nullptr) {
    if (const auto error = unknown_key(
            *table, {"rules", "rule", "receivers", "group_wait", "group_interval", "repeat_interval", "state_file"}))
      return fail(*error);
    const TableReader reader(*table);
    VALENCE_TRY_STATUS(reader.duration("group_wait", settings.timing.wait_ms));
    VALENCE_TRY_STATUS(reader.duration("group_interval", settings.timing.interval_ms));
    VALENCE_TRY_STATUS(reader.duration("repeat_interval", settings.timing.repeat_ms));
    VALENCE_TRY_STATUS(reader.text("state_file", state_file));
    if (const ConfigValue* receivers = table->find("receivers")) {
      if (receivers->kind != Kind::kTable)
        return refuse(*receivers, "receivers are written as [alerts.receivers.NAME]");
      if (receivers->members.size() > kMaxReceivers)
        return refuse(*receivers, fmt::format("{} receivers", receivers->members.size()),
                      fmt::format("at most {}", kMaxReceivers));
      for (const auto& [name, value] : receivers->members) {
        VALENCE_TRY(settings.receivers.emplace_back(), read_receiver(name, value));
      }
    }
    VALENCE_TRY_STATUS(read_rules(*table, settings));
    if (const Status right = check_settings(settings); !right) return fail(right.error().in(table->place));
  }
  if (state_file.empty()) {
    VALENCE_TRY(settings.state_file, default_alert_state_file());
  } else {
    settings.state_file = state_file;
  }
  return settings;
}

std::string alerts_sample() {
  const alert::GroupTiming timing;
  return fmt::format(
      "\n# Rules over the labels that `valence serve` gives, and who is told (docs/alerts.md).\n[alerts]\n"
      "#group_wait = \"{}\"\n#group_interval = \"{}\"\n#repeat_interval = \"{}\"\n"
      "# state_file = FILE   (not set: alerts.journal in the user's state directory)\n"
      "# For example:\n"
      "# rules = [\"negative > 10% of last 100 -> slack\"]\n"
      "# [alerts.receivers.slack]\n"
      "# url_file = \"/etc/valence/slack-url\"\n",
      alert::duration_text(timing.wait_ms), alert::duration_text(timing.interval_ms),
      alert::duration_text(timing.repeat_ms));
}

}  // namespace valence::cli
