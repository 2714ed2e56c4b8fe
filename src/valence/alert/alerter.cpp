#include "valence/alert/alerter.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "valence/alert/json_string.h"
#include "valence/alert/saved_state.h"
#include "valence/base/json.h"
#include "valence/base/siphash.h"
#include "valence/net/hmac_sha256.h"

namespace valence::alert {
namespace {

using Entry = StateJournal::Entry;

constexpr std::chrono::milliseconds kTick{1000};
constexpr std::size_t kRememberedNotifications = 200;

/// To see that a receiver's URL has changed, without keeping it.
std::string fingerprint_of(const Receiver& receiver) {
  return net::hmac_sha256_hex("valence receiver", receiver.url.reveal()).substr(0, 16);
}

std::string pending_value(const OutboundMessage& message) {
  std::string value = fmt::format(R"({{"state":"about to send","receiver":{},"created":{},"body":{},"rules":[)",
                                  json_string(message.receiver), message.created_ms, json_string(message.body));
  for (std::size_t i = 0; i < message.rules.size(); ++i) value += (i == 0 ? "" : ",") + json_string(message.rules[i]);
  return value + "]}";
}

Result<OutboundMessage> pending_message(const std::string& id, const Json& json) {
  OutboundMessage message;
  message.id = id;
  VALENCE_TRY(message.receiver, json.string("receiver"));
  VALENCE_TRY(message.created_ms, json.integer("created"));
  VALENCE_TRY(message.body, json.string("body"));
  VALENCE_TRY(const Json rules, json.at("rules"));
  VALENCE_TRY(const auto names, rules.items());
  for (const Json& name : names) {
    VALENCE_TRY(message.rules.emplace_back(), name.as_string());
  }
  return message;
}

}  // namespace

Status check_settings(const AlertSettings& settings) {
  std::set<std::string> receivers;
  for (const Receiver& receiver : settings.receivers) {
    VALENCE_TRY_STATUS(check_receiver(receiver));
    if (!receivers.insert(receiver.name).second)
      return fail(ErrorCode::kInvalidArgument, fmt::format("receiver \"{}\"", receiver.name), "is there twice");
  }
  std::set<std::string> names;
  for (const Rule& rule : settings.rules) {
    VALENCE_TRY_STATUS(check_rule(rule));
    const std::string place = fmt::format("alert rule \"{}\"", rule.name);
    if (!names.insert(rule.name).second)
      return fail(ErrorCode::kInvalidArgument, place, "is there twice", "leave one out, or give it another name");
    for (const std::string& receiver : rule.receivers) {
      if (!receivers.contains(receiver))
        return fail(ErrorCode::kInvalidArgument, place, fmt::format("tells \"{}\", which is no receiver", receiver),
                    fmt::format("add [alerts.receivers.{}] with its url_file", receiver));
    }
  }
  return {};
}

Result<std::unique_ptr<Alerter>> Alerter::start(Options options) {
  VALENCE_TRY_STATUS(check_settings(options.settings));
  VALENCE_TRY(StateJournal journal, StateJournal::open(options.settings.state_file));
  std::unique_ptr<Alerter> alerter(new Alerter(std::move(options), std::move(journal)));
  VALENCE_TRY_STATUS(alerter->restore());
  alerter->make_couriers();
  for (OutboundMessage& message : std::exchange(alerter->unfinished_, {})) alerter->hand_on(std::move(message));
  for (auto& [name, courier] : alerter->couriers_) courier->start();
  alerter->thread_ = std::thread([raw = alerter.get()] { raw->run(); });
  return alerter;
}

Alerter::Alerter(Options options, StateJournal journal)
    : options_(std::move(options)),
      begin_(options_.clock.now()),
      begin_ms_(options_.clock.unix_ms()),
      journal_(std::move(journal)) {
  keeps_texts_ = std::ranges::any_of(options_.settings.rules, [](const Rule& rule) { return rule.examples > 0; });
  book_ = std::make_unique<AlertBook>(AlertBook::Options{.rules = options_.settings.rules,
                                                         .timing = options_.settings.timing,
                                                         .begin_ms = begin_ms_,
                                                         .new_id = random_id});
  for (const Rule& rule : options_.settings.rules) totals_[rule.name].rule = rule.name;
}

Alerter::~Alerter() { stop(); }

/// The calendar at the start, moved on by a clock that does not jump: what is due stays due when someone sets the time.
std::int64_t Alerter::now_ms() const {
  return begin_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(options_.clock.now() - begin_).count();
}

void Alerter::log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

Status Alerter::restore() {
  if (journal_.damaged_lines() > 0)
    log(fmt::format("{}: {} lines could not be read and were left out", journal_.path().string(),
                    journal_.damaged_lines()));
  for (const auto& [key, value] : journal_.values()) {
    const std::string_view name(key);
    if (name.starts_with(kNotificationKey)) {
      VALENCE_TRY(const Json json, Json::parse(value, key, kBodyLimits));
      VALENCE_TRY(const std::string state, json.string("state"));
      if (state != "about to send") continue;
      VALENCE_TRY(OutboundMessage message, pending_message(std::string(name.substr(kNotificationKey.size())), json));
      unfinished_.push_back(std::move(message));
    } else if (name.starts_with(kReceiverKey)) {
      VALENCE_TRY(const Json json, Json::parse(value, key));
      VALENCE_TRY(const std::string fingerprint, json.string("url"));
      VALENCE_TRY(const std::string why, json.string("disabled"));
      const auto receiver =
          std::ranges::find(options_.settings.receivers, name.substr(kReceiverKey.size()), &Receiver::name);
      if (receiver != options_.settings.receivers.end() && fingerprint_of(*receiver) == fingerprint)
        disabled_[receiver->name] = why;
    } else {
      VALENCE_TRY_STATUS(book_->restore({key, value}));
    }
  }
  std::ranges::sort(unfinished_, {}, &OutboundMessage::created_ms);
  journal_texts_ = keeps_texts_ || !unfinished_.empty();
  return {};
}

void Alerter::make_couriers() {
  std::uint64_t seed = SipHashKey::random().low;
  for (const Receiver& receiver : options_.settings.receivers) {
    if (disabled_.contains(receiver.name)) {
      log(fmt::format("alerts: receiver \"{}\" stays disabled: {}", receiver.name, disabled_[receiver.name]));
      continue;
    }
    auto sender = options_.make_sender ? options_.make_sender(receiver) : make_http_sender(receiver, &stop_requests_);
    couriers_[receiver.name] = std::make_unique<Courier>(Courier::Options{
        .sender = std::move(sender),
        .clock = options_.clock,
        .seed = ++seed,
        .on_done = [this](const OutboundMessage& message, const Delivery& delivery) { on_done(message, delivery); }});
  }
}

Status Alerter::write(std::span<const pipeline::ClassifiedRecord> records) {
  const std::lock_guard lock(waiting_mutex_);
  if (waiting_.size() + records.size() > kMaxWaitingTexts) {
    refused_texts_ += records.size();
    return fail(ErrorCode::kOverloaded, "alerts", fmt::format("{} texts wait to be judged", waiting_.size()));
  }
  for (const pipeline::ClassifiedRecord& record : records) {
    waiting_.push_back({record.stream, record.channel, record.label, keeps_texts_ ? record.text : std::string()});
  }
  waiting_changed_.notify_all();
  return {};
}

void Alerter::run() {
  std::unique_lock lock(waiting_mutex_);
  while (true) {
    waiting_changed_.wait_for(lock, kTick, [this] { return stopping_ || !waiting_.empty(); });
    std::vector<WaitingText> texts = std::exchange(waiting_, {});
    const bool last = stopping_;
    busy_ = true;
    lock.unlock();
    take_over_foreign_changes();
    work(std::move(texts));
    lock.lock();
    busy_ = false;
    waiting_changed_.notify_all();
    if (last && waiting_.empty()) return;
  }
}

void Alerter::work(std::vector<WaitingText> texts) {
  std::vector<Notification> notifications;
  std::vector<Entry> entries;
  {
    const std::lock_guard lock(book_mutex_);
    for (const WaitingText& text : texts) book_->observe({text.stream, text.channel, text.label, text.text}, now_ms());
    notifications = book_->advance(now_ms());
    for (AlertBook::Entry& entry : book_->take_changes())
      entries.push_back({std::move(entry.key), std::move(entry.value)});
  }
  std::vector<OutboundMessage> messages;
  for (const Notification& notification : notifications) {
    const auto receiver = std::ranges::find(options_.settings.receivers, notification.receiver, &Receiver::name);
    messages.push_back(render(*receiver, notification, options_.settings.timing.repeat_ms));
    entries.push_back({std::string(kNotificationKey) + messages.back().id, pending_value(messages.back())});
  }
  save(std::move(entries));
  // Only now: what a crash interrupts is sent again under the same id.
  for (OutboundMessage& message : messages) hand_on(std::move(message));
}

void Alerter::hand_on(OutboundMessage message) {
  if (const auto courier = couriers_.find(message.receiver); courier != couriers_.end())
    return courier->second->offer(std::move(message));
  const bool is_known = std::ranges::find(options_.settings.receivers, message.receiver, &Receiver::name) !=
                        options_.settings.receivers.end();
  on_done(message, {.outcome = Delivery::Outcome::kRefused,
                    .why = is_known ? std::string(kReceiverIsDisabled) : "there is no such receiver any more"});
}

void Alerter::save(std::vector<Entry> entries) {
  const std::lock_guard lock(journal_mutex_);
  forget_old_notifications(entries);
  const bool failed_before = !unsaved_.empty();
  unsaved_.insert(unsaved_.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  if (unsaved_.empty()) return;
  if (const Status saved = journal_.put(unsaved_); saved) {
    unsaved_.clear();
  } else {
    if (!failed_before)
      log(fmt::format("alerts: {}; they go on, and are saved when that is possible", saved.error().to_string()));
    // Only the last state of a key counts.
    std::map<std::string, std::string> last;
    for (Entry& entry : unsaved_) last[entry.key] = std::move(entry.value);
    unsaved_.clear();
    for (auto& [key, value] : last) unsaved_.push_back({key, std::move(value)});
  }
}

void Alerter::forget_old_notifications(std::vector<Entry>& entries) const {
  std::vector<std::pair<std::int64_t, std::string>> sent;  // those that ended, by time
  const auto& values = journal_.values();
  for (auto found = values.lower_bound(std::string(kNotificationKey));
       found != values.end() && found->first.starts_with(kNotificationKey); ++found) {
    const auto json = Json::parse(found->second, "", kBodyLimits);
    if (json && json->string("state").value_or("") != "about to send")
      sent.emplace_back(json->integer("created").value_or(0), found->first);
  }
  if (sent.size() <= kRememberedNotifications) return;
  std::ranges::sort(sent);
  sent.resize(sent.size() - kRememberedNotifications);
  for (auto& [created_ms, key] : sent) entries.push_back({std::move(key), ""});
}

void Alerter::take_over_foreign_changes() {
  std::vector<Entry> news;
  {
    const std::lock_guard lock(journal_mutex_);
    auto read = journal_.refresh();
    if (!read) return;  // the next save says what is wrong
    news = std::move(*read);
  }
  const std::lock_guard lock(book_mutex_);
  for (const Entry& entry : news) {
    if (!entry.key.starts_with("silence")) continue;
    if (const Status taken = book_->restore({entry.key, entry.value}); !taken)
      log(fmt::format("alerts: {}", taken.error().to_string()));
  }
}

void Alerter::on_done(const OutboundMessage& message, const Delivery& delivery) {
  const bool sent = delivery.outcome == Delivery::Outcome::kSent;
  std::vector<Entry> entries;
  std::string value = fmt::format(R"({{"state":"{}","receiver":{},"created":{},"ended":{})", sent ? "sent" : "failed",
                                  json_string(message.receiver), message.created_ms, now_ms());
  if (!sent) value += fmt::format(R"(,"why":{})", json_string(delivery.why));
  entries.push_back({std::string(kNotificationKey) + message.id, value + "}"});
  if (delivery.outcome == Delivery::Outcome::kGone) {
    const auto receiver = std::ranges::find(options_.settings.receivers, message.receiver, &Receiver::name);
    entries.push_back({std::string(kReceiverKey) + receiver->name,
                       fmt::format(R"({{"url":"{}","disabled":{},"since":{}}})", fingerprint_of(*receiver),
                                   json_string(delivery.why), now_ms())});
    const std::lock_guard lock(book_mutex_);
    disabled_[receiver->name] = delivery.why;
  }
  if (!sent) {
    log(fmt::format("alerts: receiver \"{}\" {}: {}", message.receiver,
                    delivery.outcome == Delivery::Outcome::kGone ? "is disabled" : "did not take a message",
                    delivery.why));
  }
  {
    const std::lock_guard lock(book_mutex_);
    for (const std::string& rule : message.rules) {
      AlertTotals& totals = totals_[rule];
      totals.rule = rule;
      ++(sent ? totals.sent : totals.failed);
    }
  }
  save(std::move(entries));
  if (!journal_texts_) return;
  // Its body quoted texts, which have no business in the file any longer.
  const std::lock_guard lock(journal_mutex_);
  if (const Status compacted = journal_.compact(); !compacted)
    log(fmt::format("alerts: {}", compacted.error().to_string()));
}

std::vector<pipeline::AlertState> Alerter::states() const {
  const std::lock_guard lock(book_mutex_);
  return book_->states();
}

std::vector<pipeline::Silence> Alerter::silences() const {
  const std::lock_guard lock(book_mutex_);
  return book_->silences();
}

Result<pipeline::Silence> Alerter::silence(pipeline::Silence silence) {
  std::vector<Entry> entries;
  Result<pipeline::Silence> made = [&] {
    const std::lock_guard lock(book_mutex_);
    auto taken = book_->silence(std::move(silence));
    for (AlertBook::Entry& entry : book_->take_changes())
      entries.push_back({std::move(entry.key), std::move(entry.value)});
    return taken;
  }();
  save(std::move(entries));
  return made;
}

Status Alerter::unsilence(const std::string& id) {
  std::vector<Entry> entries;
  const Status ended = [&] {
    const std::lock_guard lock(book_mutex_);
    Status taken = book_->unsilence(id);
    for (AlertBook::Entry& entry : book_->take_changes())
      entries.push_back({std::move(entry.key), std::move(entry.value)});
    return taken;
  }();
  save(std::move(entries));
  return ended;
}

std::vector<AlertTotals> Alerter::totals() const {
  const std::lock_guard lock(book_mutex_);
  std::vector<AlertTotals> all;
  for (const auto& [rule, totals] : totals_) {
    all.push_back(totals);
    const auto suppressed = book_->suppressed().find(rule);
    if (suppressed != book_->suppressed().end()) all.back().suppressed = suppressed->second;
  }
  return all;
}

std::map<std::string, std::string> Alerter::disabled_receivers() const {
  const std::lock_guard lock(book_mutex_);
  return disabled_;
}

void Alerter::settle() {
  std::unique_lock lock(waiting_mutex_);
  waiting_changed_.wait(lock, [this] { return stopping_ || (waiting_.empty() && !busy_); });
}

void Alerter::stop() {
  {
    const std::lock_guard lock(waiting_mutex_);
    stopping_ = true;
    waiting_changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  stop_requests_ = true;
  for (auto& [name, courier] : couriers_) courier->stop();
}

}  // namespace valence::alert
