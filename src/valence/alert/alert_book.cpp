#include "valence/alert/alert_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <tuple>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::alert {
namespace {

constexpr char kSeparator = '\x1f';
constexpr std::size_t kMaxNameBytes = 200;     // of a stream or channel, in keys and messages
constexpr std::size_t kMaxExampleBytes = 400;  // of one quoted text
constexpr std::string_view kOther = "other";
constexpr unsigned kFlapping = 3;  // times an alert fires between two looks at its group

std::string_view cut(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xc0U) == 0x80U) --max_bytes;
  return text.substr(0, max_bytes);
}

/// {"name", "stream", "channel"} behind "alert" or {"receiver", "stream"} behind "group".
std::vector<std::string> steps_of(std::string_view key) {
  std::vector<std::string> steps;
  while (true) {
    const auto at = key.find(kSeparator);
    steps.emplace_back(key.substr(0, at));
    if (at == key.npos) return steps;
    key.remove_prefix(at + 1);
  }
}

std::string key_of(std::initializer_list<std::string_view> steps) {
  std::string key;
  for (const std::string_view step : steps) {
    if (!key.empty()) key += kSeparator;
    key += step;
  }
  return key;
}

bool is_active(const pipeline::Silence& silence, std::int64_t now_ms) {
  return silence.from_ms <= now_ms && now_ms < silence.until_ms;
}

}  // namespace

struct AlertBook::Flow {
  std::string stream;
  std::string channel;
  std::unique_ptr<Detector> detector;
  bool firing = false;
  std::int64_t since_ms = 0;                   // of firing, or of being quiet
  std::optional<std::int64_t> above_since_ms;  // while quiet
  std::optional<std::int64_t> cooled_at_ms;    // quiet at least until then
  std::optional<Learned> learned_before;       // of an earlier run
  std::uint64_t saved_learned_texts = 0;
  std::deque<std::string> examples;
};

struct AlertBook::Group {
  std::string stream;
  std::map<std::string, std::int64_t> told;  // alerts said to fire: key, and since when
  std::map<std::string, unsigned> fired;     // how often since the last look at the group
  std::optional<std::int64_t> last_message_ms;
  std::optional<std::int64_t> next_flush_ms;
};

AlertBook::AlertBook(Options options)
    : options_(std::move(options)), now_ms_(options_.begin_ms), flows_(options_.rules.size()) {}
AlertBook::~AlertBook() = default;

AlertBook::Flow& AlertBook::flow_of(std::size_t rule, std::string_view stream, std::string_view channel,
                                    std::int64_t now_ms) {
  auto& flows = flows_[rule];
  key_.assign(stream);
  key_ += kSeparator;
  key_ += channel;
  auto found = flows.find(key_);
  if (found == flows.end() && flows.size() >= kMaxFlows) {
    stream = kOther;
    channel = "";
    key_ = key_of({kOther, ""});
    found = flows.find(key_);
  }
  if (found != flows.end()) return *found->second;
  auto flow = std::make_unique<Flow>();
  flow->stream = stream;
  flow->channel = channel;
  flow->since_ms = now_ms;
  flow->detector = make_detector(options_.rules[rule], now_ms);
  return *flows.emplace(key_, std::move(flow)).first->second;
}

void AlertBook::observe(const Sample& sample, std::int64_t now_ms) {
  now_ms_ = std::max(now_ms_, now_ms);
  const auto name_of = [](std::string_view given) {
    return given.find(kSeparator) == given.npos ? cut(given, kMaxNameBytes) : kOther;
  };
  const std::string_view stream = sample.stream.empty() ? "default" : name_of(sample.stream);
  for (std::size_t i = 0; i < options_.rules.size(); ++i) {
    const Rule& rule = options_.rules[i];
    if (!rule.stream.empty() && rule.stream != stream) continue;
    Flow& flow = flow_of(i, stream, rule.per_channel ? name_of(sample.channel) : std::string_view(), now_ms_);
    const bool hit = rule.watches(sample.label);
    if (hit && rule.examples > 0) {
      flow.examples.emplace_back(cut(sample.text, kMaxExampleBytes));
      if (flow.examples.size() > rule.examples) flow.examples.pop_front();
    }
    flow.detector->observe(now_ms_, hit);
    judge(i, flow, now_ms_);
  }
}

void AlertBook::judge(std::size_t rule_index, Flow& flow, std::int64_t now_ms) {
  const Rule& rule = options_.rules[rule_index];
  const Reading reading = flow.detector->reading();
  if (const auto learned = flow.detector->learned();
      learned && learned->texts >= std::min(rule.learn_texts, kMinLearnTexts) &&
      (learned->texts >= 2 * flow.saved_learned_texts || learned->texts < flow.saved_learned_texts)) {
    flow.saved_learned_texts = learned->texts;
    mark(key_of({"alert", rule.name, flow.stream, flow.channel}));
  }
  if (!reading.is_ready) return;
  if (flow.firing) {
    if (!reading.is_above) set_firing(rule_index, flow, false, now_ms);
    return;
  }
  if (!reading.is_above) {
    flow.above_since_ms.reset();
    return;
  }
  if (!flow.above_since_ms) flow.above_since_ms = now_ms;
  const bool cooled = !flow.cooled_at_ms || now_ms >= *flow.cooled_at_ms;
  if (cooled && now_ms - *flow.above_since_ms >= rule.for_ms) set_firing(rule_index, flow, true, now_ms);
}

void AlertBook::set_firing(std::size_t rule_index, Flow& flow, bool firing, std::int64_t now_ms) {
  const Rule& rule = options_.rules[rule_index];
  AlertItem item = item_of(rule, flow);
  item.firing = firing;
  if (firing) {
    item.since_ms = now_ms;
  } else {
    item.ended_ms = now_ms;
  }
  flow.firing = firing;
  flow.since_ms = now_ms;
  flow.above_since_ms.reset();
  if (!firing && rule.cooldown_ms > 0) flow.cooled_at_ms = now_ms + rule.cooldown_ms;
  flow.detector->set_firing(firing);
  mark(key_of({"alert", rule.name, flow.stream, flow.channel}));
  for (const std::string& receiver : rule.receivers) {
    touch(receiver, flow.stream, now_ms);
    if (firing) ++groups_[{receiver, flow.stream}].fired[key_of({"alert", rule.name, flow.stream, flow.channel})];
  }
  if (on_transition) on_transition(item);
}

/// A group has something new: says when it is looked at.
void AlertBook::touch(const std::string& receiver, const std::string& stream, std::int64_t now_ms) {
  Group& group = groups_[{receiver, stream}];
  group.stream = stream;
  const bool in_touch =
      group.last_message_ms && (!group.told.empty() || now_ms - *group.last_message_ms < options_.timing.interval_ms);
  const std::int64_t at_ms = in_touch ? std::max(now_ms, *group.last_message_ms + options_.timing.interval_ms)
                                      : now_ms + options_.timing.wait_ms;
  if (!group.next_flush_ms || *group.next_flush_ms > at_ms) group.next_flush_ms = at_ms;
}

std::vector<Notification> AlertBook::advance(std::int64_t now_ms) {
  now_ms_ = std::max(now_ms_, now_ms);
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    for (auto& [key, flow] : flows_[i]) {
      flow->detector->advance(now_ms_);
      judge(i, *flow, now_ms_);
    }
  }
  note_silence_changes(now_ms_);
  std::vector<Notification> due;
  for (auto& [name, group] : groups_) {
    if (!group.next_flush_ms || *group.next_flush_ms > now_ms_) continue;
    group.next_flush_ms.reset();
    if (auto notification = flush(name.first, group, now_ms_)) {
      mark(key_of({"group", name.first, name.second}));
      due.push_back(std::move(*notification));
    }
    const bool told_quiet_one =
        std::ranges::any_of(group.told, [&](const auto& told) { return !is_firing(told.first); });
    if (told_quiet_one) group.next_flush_ms = now_ms_ + options_.timing.interval_ms;
    if (!group.told.empty()) {
      const std::int64_t repeat_at_ms = group.last_message_ms.value_or(now_ms_) + options_.timing.repeat_ms;
      group.next_flush_ms = std::min(group.next_flush_ms.value_or(repeat_at_ms), repeat_at_ms);
    }
  }
  std::erase_if(groups_, [](const auto& entry) {
    return entry.second.told.empty() && !entry.second.next_flush_ms && !entry.second.last_message_ms;
  });
  return due;
}

std::optional<Notification> AlertBook::flush(const std::string& receiver, Group& group, std::int64_t now_ms) {
  std::vector<AlertItem> firing;
  std::vector<AlertItem> resolved;
  std::map<std::string, std::int64_t> told;
  bool is_news = false;
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    const Rule& rule = options_.rules[i];
    if (std::ranges::find(rule.receivers, receiver) == rule.receivers.end()) continue;
    for (const auto& [flow_key, flow] : flows_[i]) {
      if (flow->stream != group.stream) continue;
      const std::string key = key_of({"alert", rule.name, flow->stream, flow->channel});
      const auto was_told = group.told.find(key);
      const bool silenced = is_silenced(rule, flow->stream);
      // One that goes on and off is told, even if it is off at the moment.
      const auto fired = group.fired.find(key);
      const bool fires = flow->firing || (fired != group.fired.end() && fired->second >= kFlapping);
      if (fires && (!silenced || was_told != group.told.end())) told[key] = flow->since_ms;
      if (silenced) continue;
      if (fires) {
        is_news = is_news || was_told == group.told.end();
        firing.push_back(item_of(rule, *flow));
        firing.back().firing = true;
      } else if (was_told != group.told.end()) {
        is_news = true;
        AlertItem item = item_of(rule, *flow);
        item.since_ms = was_told->second;
        item.ended_ms = flow->since_ms;
        resolved.push_back(std::move(item));
      }
    }
  }
  const bool is_repeat =
      !firing.empty() && group.last_message_ms && now_ms - *group.last_message_ms >= options_.timing.repeat_ms;
  for (const auto& [key, times] : group.fired) {
    if (!told.contains(key)) ++suppressed_[steps_of(key)[1]];
  }
  group.told = std::move(told);
  group.fired.clear();
  if (!is_news && !is_repeat) return std::nullopt;
  group.last_message_ms = now_ms;
  Notification notification{.id = options_.new_id(),
                            .receiver = receiver,
                            .stream = group.stream,
                            .created_ms = now_ms,
                            .is_repeat = !is_news,
                            .items = std::move(firing)};
  std::ranges::move(resolved, std::back_inserter(notification.items));
  if (notification.items.size() > kMaxItems) {
    notification.more = notification.items.size() - kMaxItems;
    notification.items.resize(kMaxItems);
  }
  return notification;
}

bool AlertBook::is_firing(const std::string& key) const {
  const auto steps = steps_of(key);
  for (std::size_t i = 0; i < flows_.size() && steps.size() == 4; ++i) {
    if (options_.rules[i].name != steps[1]) continue;
    const auto found = flows_[i].find(key_of({steps[2], steps[3]}));
    return found != flows_[i].end() && found->second->firing;
  }
  return true;  // of a rule that is no more: nothing will be said of it
}

bool AlertBook::is_silenced(const Rule& rule, const std::string& stream) const {
  return std::ranges::any_of(silences_, [&](const auto& entry) {
    const pipeline::Silence& silence = entry.second;
    return is_active(silence, now_ms_) && (silence.rule.empty() || silence.rule == rule.name) &&
           (silence.stream.empty() || silence.stream == stream);
  });
}

AlertItem AlertBook::item_of(const Rule& rule, const Flow& flow) const {
  return {.rule = rule,
          .stream = flow.stream,
          .channel = flow.channel,
          .firing = flow.firing,
          .since_ms = flow.since_ms,
          .ended_ms = flow.firing ? 0 : flow.since_ms,
          .reading = flow.detector->reading(),
          .examples = {flow.examples.begin(), flow.examples.end()}};
}

/// A silence that begins or ends changes what there is to tell.
void AlertBook::note_silence_changes(std::int64_t now_ms) {
  std::erase_if(silences_, [&](const auto& entry) {
    if (entry.second.until_ms > now_ms) return false;
    mark(key_of({"silence", entry.first}));
    return true;
  });
  std::string active;
  for (const auto& [id, silence] : silences_) {
    if (is_active(silence, now_ms)) active += id + ' ';
  }
  if (active == active_silences_) return;
  active_silences_ = std::move(active);
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    for (const auto& [key, flow] : flows_[i]) {
      if (!flow->firing) continue;
      for (const std::string& receiver : options_.rules[i].receivers) touch(receiver, flow->stream, now_ms);
    }
  }
}

std::vector<pipeline::AlertState> AlertBook::states() const {
  std::vector<pipeline::AlertState> states;
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    const Rule& rule = options_.rules[i];
    for (const auto& [key, flow] : flows_[i]) {
      const AlertItem item = item_of(rule, *flow);
      const Reading& reading = item.reading;
      auto phase = pipeline::AlertPhase::kQuiet;
      if (flow->firing) {
        phase = is_silenced(rule, flow->stream) ? pipeline::AlertPhase::kSilenced : pipeline::AlertPhase::kFiring;
      } else if (reading.is_above) {
        phase = pipeline::AlertPhase::kPending;
      }
      states.push_back({.rule = rule.name,
                        .stream = flow->stream,
                        .channel = flow->channel,
                        .phase = phase,
                        .since_ms = flow->since_ms,
                        .count = reading.window.count,
                        .hits = reading.window.hits,
                        .statistic = reading.statistic,
                        .threshold = reading.threshold,
                        .message = item.detail()});
    }
  }
  return states;
}

std::vector<pipeline::Silence> AlertBook::silences() const {
  std::vector<pipeline::Silence> all;
  for (const auto& [id, silence] : silences_) all.push_back(silence);
  return all;
}

Result<pipeline::Silence> AlertBook::silence(pipeline::Silence silence) {
  const auto refuse = [](std::string what, std::string hint) {
    return fail(ErrorCode::kInvalidArgument, "silence", std::move(what), std::move(hint));
  };
  const bool known = silence.rule.empty() ||
                     std::ranges::any_of(options_.rules, [&](const Rule& rule) { return rule.name == silence.rule; });
  if (!known)
    return refuse(fmt::format("there is no rule {}", in_quotes(to_valid_utf8(silence.rule))),
                  "`valence alerts status` lists them");
  if (silence.until_ms <= silence.from_ms) return refuse("ends before it begins", "give an end after the start");
  if (silence.until_ms <= now_ms_) return refuse("has ended already", "give an end in the future");
  if (silences_.size() >= kMaxSilences)
    return fail(ErrorCode::kOverloaded, "silence", fmt::format("there are {} already", kMaxSilences), "end some");
  if (silence.id.empty()) silence.id = options_.new_id();
  silences_[silence.id] = silence;
  mark(key_of({"silence", silence.id}));
  return silence;
}

Status AlertBook::unsilence(const std::string& id) {
  if (silences_.erase(id) == 0)
    return fail(ErrorCode::kNotFound, "silence",
                fmt::format("there is none with the id {}", in_quotes(to_valid_utf8(id))),
                "`valence alerts status` lists them");
  mark(key_of({"silence", id}));
  return {};
}

void AlertBook::mark(std::string key) {
  if (std::ranges::find(changed_, key) == changed_.end()) changed_.push_back(std::move(key));
}

std::vector<AlertBook::Entry> AlertBook::take_changes() {
  std::vector<Entry> entries;
  for (std::string& key : changed_) {
    std::string value = value_of(key);
    entries.push_back({std::move(key), std::move(value)});
  }
  changed_.clear();
  return entries;
}

std::string AlertBook::value_of(const std::string& key) const {
  const auto steps = steps_of(key);
  if (steps[0] == "alert") {
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      if (options_.rules[i].name != steps[1]) continue;
      const auto found = flows_[i].find(key_of({steps[2], steps[3]}));
      if (found == flows_[i].end()) continue;
      const Flow& flow = *found->second;
      const auto learned = flow.detector->learned();
      std::string value = fmt::format(R"({{"firing":{},"since":{},"cooled":{})", flow.firing, flow.since_ms,
                                      flow.cooled_at_ms.value_or(0));
      if (flow.firing) value += fmt::format(R"(,"rising":{})", flow.detector->reading().is_rising);
      if (learned) value += fmt::format(R"(,"texts":{},"hits":{})", learned->texts, learned->hits);
      return value + "}";
    }
    return "";
  }
  if (steps[0] == "group") {
    const auto found = groups_.find({steps[1], steps[2]});
    if (found == groups_.end()) return "";
    std::string value = fmt::format(R"({{"last":{},"told":{{)", found->second.last_message_ms.value_or(0));
    bool first = true;
    for (const auto& [alert, since_ms] : found->second.told) {
      if (!std::exchange(first, false)) value += ',';
      append_json_string(value, alert);
      value += fmt::format(":{}", since_ms);
    }
    return value + "}}";
  }
  const auto found = silences_.find(steps[1]);
  if (found == silences_.end()) return "";
  const pipeline::Silence& silence = found->second;
  std::string value = fmt::format(R"({{"from":{},"until":{})", silence.from_ms, silence.until_ms);
  for (const auto& [name, text] : {std::pair("rule", &silence.rule), std::pair("stream", &silence.stream),
                                   std::pair("author", &silence.author), std::pair("comment", &silence.comment)}) {
    value += fmt::format(R"(,"{}":)", name);
    append_json_string(value, to_valid_utf8(*text));
  }
  return value + "}";
}

Status AlertBook::restore(const Entry& entry) {
  const auto steps = steps_of(entry.key);
  if (steps[0] == "silence" && steps.size() == 2) {
    if (entry.value.empty()) {
      silences_.erase(steps[1]);
      return {};
    }
    VALENCE_TRY(const Json json, Json::parse(entry.value, entry.key));
    pipeline::Silence silence;
    silence.id = steps[1];
    VALENCE_TRY(silence.from_ms, json.integer("from"));
    VALENCE_TRY(silence.until_ms, json.integer("until"));
    VALENCE_TRY(silence.rule, json.string("rule"));
    VALENCE_TRY(silence.stream, json.string("stream"));
    VALENCE_TRY(silence.author, json.string("author"));
    VALENCE_TRY(silence.comment, json.string("comment"));
    if (silences_.size() < kMaxSilences || silences_.contains(silence.id)) silences_[silence.id] = std::move(silence);
    return {};
  }
  if (entry.value.empty()) return {};
  if (steps[0] == "alert" && steps.size() == 4) {
    const auto rule = std::ranges::find(options_.rules, steps[1], &Rule::name);
    if (rule == options_.rules.end()) return {};
    VALENCE_TRY(const Json json, Json::parse(entry.value, entry.key));
    const auto index = static_cast<std::size_t>(rule - options_.rules.begin());
    Flow& flow = flow_of(index, steps[2], steps[3], options_.begin_ms);
    if (json.find("texts")) {
      VALENCE_TRY(const std::int64_t texts, json.integer("texts"));
      VALENCE_TRY(const std::int64_t hits, json.integer("hits"));
      if (hits < 0 || texts < hits) return json.invalid("more hits than texts");
      const Learned learned{static_cast<std::uint64_t>(texts), static_cast<std::uint64_t>(hits)};
      flow.detector = make_detector(*rule, options_.begin_ms, learned);
      flow.saved_learned_texts = learned.texts;
    }
    VALENCE_TRY(flow.firing, json.boolean("firing"));
    VALENCE_TRY(flow.since_ms, json.integer("since"));
    VALENCE_TRY(const std::int64_t cooled_ms, json.integer("cooled"));
    if (cooled_ms > 0) flow.cooled_at_ms = cooled_ms;
    if (!flow.firing) return {};
    // Absent in what older versions wrote.
    VALENCE_TRY(const bool rising, json.boolean_or("rising", true));
    flow.detector->restore_alarm(rising);
    for (const std::string& receiver : rule->receivers) touch(receiver, flow.stream, options_.begin_ms);
    return {};
  }
  if (steps[0] == "group" && steps.size() == 3) {
    VALENCE_TRY(const Json json, Json::parse(entry.value, entry.key));
    VALENCE_TRY(const std::int64_t last_ms, json.integer("last"));
    VALENCE_TRY(const Json told, json.at("told"));
    VALENCE_TRY(const auto alerts, told.members());
    Group& group = groups_[{steps[1], steps[2]}];
    group.stream = steps[2];
    if (last_ms > 0) group.last_message_ms = last_ms;
    for (const auto& [alert, since] : alerts) {
      VALENCE_TRY(group.told[alert], since.as_integer());
    }
    // What was decided but not told before the restart is looked at like anything new.
    touch(steps[1], steps[2], options_.begin_ms);
  }
  return {};
}

}  // namespace valence::alert
