#include "valence/alert/receiver.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/alert/json_string.h"
#include "valence/alert/slack_message.h"
#include "valence/base/json.h"
#include "valence/base/time_text.h"
#include "valence/net/hmac_sha256.h"

namespace valence::alert {
namespace {

constexpr std::string_view kDefaultTemplate =
    R"({"id":{{id}},"status":{{status}},"stream":{{stream}},"text":{{text}},"created":{{created}},)"
    R"("alerts":{{alerts}},"more":{{more}}})";

std::string status_of(bool firing) { return firing ? "firing" : "resolved"; }

std::string number(double value) { return fmt::format("{:.6g}", value); }

std::string list_of(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) json += (json.size() > 1 ? "," : "") + json_string(text);
  return json + "]";
}

std::string json_of(const AlertItem& item) {
  const Reading& reading = item.reading;
  std::string json = fmt::format(
      R"({{"status":{},"rule":{},"condition":{},"stream":{},"channel":{},"labels":{},"since":{},"ended":{},)"
      R"("count":{},"hits":{},"statistic":{},"threshold":{},"text":{},"detail":{},"examples":{})",
      json_string(status_of(item.firing)), json_string(item.rule.name), json_string(item.rule.condition()),
      json_string(item.stream), json_string(item.channel), list_of(item.rule.labels),
      json_string(utc_text(item.since_ms)), item.firing ? "null" : json_string(utc_text(item.ended_ms)),
      reading.window.count, reading.window.hits, number(reading.statistic), number(reading.threshold),
      json_string(item.headline()), json_string(item.detail()), list_of(item.examples));
  if (reading.usual) json += fmt::format(R"(,"usual":{})", number(*reading.usual));
  return json + "}";
}

std::string summary_of(const Notification& notification) {
  std::string text;
  for (const AlertItem& item : notification.items) text += (text.empty() ? "" : "\n") + item.headline();
  return text;
}

std::string value_of(std::string_view name, const Notification& notification) {
  if (name == "id") return json_string(notification.id);
  if (name == "status") return json_string(status_of(notification.is_firing()));
  if (name == "stream") return json_string(notification.stream);
  if (name == "receiver") return json_string(notification.receiver);
  if (name == "text") return json_string(summary_of(notification));
  if (name == "created") return json_string(utc_text(notification.created_ms));
  if (name == "more") return std::to_string(notification.more);
  if (name != "alerts") return "";
  std::string json = "[";
  for (const AlertItem& item : notification.items) json += (json.size() > 1 ? "," : "") + json_of(item);
  return json + "]";
}

/// Alertmanager tells alerts apart by their labels, and forgets one that it has not heard of until endsAt.
std::string alertmanager_body(const Notification& notification, std::int64_t repeat_ms) {
  std::string body = "[";
  for (const AlertItem& item : notification.items) {
    if (body.size() > 1) body += ',';
    const std::int64_t ends_ms = item.firing ? notification.created_ms + 2 * repeat_ms : item.ended_ms;
    body += fmt::format(
        R"({{"labels":{{"alertname":{},"stream":{},"channel":{},"source":"valence"}},)"
        R"("annotations":{{"summary":{},"description":{},"notification_id":{}}},"startsAt":{},"endsAt":{}}})",
        json_string(item.rule.name), json_string(item.stream), json_string(item.channel), json_string(item.headline()),
        json_string(item.detail()), json_string(notification.id), json_string(utc_text(item.since_ms)),
        json_string(utc_text(ends_ms)));
  }
  return body + "]";
}

}  // namespace

Result<std::string> fill_template(std::string_view body_template, const Notification& notification) {
  std::string body;
  std::string_view rest = body_template;
  while (true) {
    const auto open = rest.find("{{");
    body += rest.substr(0, open);
    if (open == rest.npos) break;
    // "{{id}}" is a name; "{{" of nested objects is followed by something else.
    const auto close = rest.find("}}", open);
    const std::string_view name = close == rest.npos ? std::string_view() : rest.substr(open + 2, close - open - 2);
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
    if (!is_name) {
      body += rest.substr(open, 1);
      rest.remove_prefix(open + 1);
      continue;
    }
    const std::string value = value_of(name, notification);
    if (value.empty())
      return fail(ErrorCode::kInvalidArgument, "template", fmt::format("{{{{{}}}}} is no name", name),
                  "names: id, status, stream, receiver, text, created, alerts, more");
    body += value;
    rest.remove_prefix(close + 2);
  }
  if (const auto json = Json::parse(body, "template", {.max_token_bytes = std::size_t{1} << 24U}); !json)
    return fail(ErrorCode::kInvalidArgument, "template",
                fmt::format("filled in it is no JSON: {}", json.error().to_string()),
                "a name stands for a JSON value with its quotes: {\"text\": {{text}}}");
  return body;
}

Status check_receiver(const Receiver& receiver) {
  const std::string place = fmt::format("receiver \"{}\"", receiver.name);
  if (receiver.url.empty())
    return fail(ErrorCode::kInvalidArgument, place, "has no URL", "give url_file, url_env or url");
  const auto url = net::parse_outbound_url(receiver.url.reveal(), {.allow_private = receiver.allow_private});
  if (!url) return fail(url.error().in(place));
  if (receiver.kind != ReceiverKind::kWebhook && (!receiver.signing_key.empty() || !receiver.body_template.empty()))
    return fail(ErrorCode::kInvalidArgument, place, "has a key or a template that its kind has no use for",
                "make it kind = \"webhook\", or leave them out");
  if (!receiver.body_template.empty()) {
    const Notification sample{.id = "id", .receiver = receiver.name, .stream = "default"};
    if (const auto body = fill_template(receiver.body_template, sample); !body) return fail(body.error().in(place));
  }
  return {};
}

OutboundMessage render(const Receiver& receiver, const Notification& notification, std::int64_t repeat_ms) {
  OutboundMessage message{
      .id = notification.id, .receiver = receiver.name, .body = {}, .created_ms = notification.created_ms};
  for (const AlertItem& item : notification.items) {
    if (std::ranges::find(message.rules, item.rule.name) == message.rules.end())
      message.rules.push_back(item.rule.name);
  }
  switch (receiver.kind) {
    case ReceiverKind::kSlack:
      message.body = slack_body(notification);
      break;
    case ReceiverKind::kAlertmanager:
      message.body = alertmanager_body(notification, repeat_ms);
      break;
    case ReceiverKind::kWebhook: {
      const std::string_view used = receiver.body_template.empty() ? kDefaultTemplate : receiver.body_template;
      auto body = fill_template(used, notification);
      // A template that was checked can only fail where it puts a name inside a string; the built-in one does not.
      message.body = body ? std::move(*body) : fill_template(kDefaultTemplate, notification).value_or("{}");
      break;
    }
  }
  return message;
}

std::vector<net::HttpHeader> headers_of(const Receiver& receiver, const OutboundMessage& message) {
  std::vector<net::HttpHeader> headers{{"Content-Type", "application/json; charset=utf-8"}};
  if (receiver.kind != ReceiverKind::kWebhook) return headers;
  headers.push_back({"Idempotency-Key", message.id});
  if (!receiver.signing_key.empty()) {
    headers.push_back({"X-Valence-Signature",
                       fmt::format("sha256={}", net::hmac_sha256_hex(receiver.signing_key.reveal(), message.body))});
  }
  return headers;
}

}  // namespace valence::alert
