/// \file
/// To whom alerts are told, and in which words: Slack, a webhook of one's own, Alertmanager.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "valence/alert/notification.h"
#include "valence/base/secret.h"
#include "valence/net/http_client.h"

namespace valence::alert {

enum class ReceiverKind { kSlack, kWebhook, kAlertmanager };

struct Receiver {
  std::string name;
  ReceiverKind kind = ReceiverKind::kSlack;
  Secret url = {};
  Secret signing_key = {};         ///< kWebhook: of X-Valence-Signature; empty: none is sent
  std::string body_template = {};  ///< kWebhook: see docs/alerts.md; empty: the built-in one
  std::string ca_file = {};        ///< PEM certificates instead of the system's
  bool allow_private = false;
  std::chrono::milliseconds timeout{10'000};  ///< for a whole request
};

/// What goes over the wire, but for the address.
struct OutboundMessage {
  std::string id;  ///< of the notification: the idempotency key
  std::string receiver;
  std::string body;
  std::int64_t created_ms = 0;
  std::vector<std::string> rules = {};  ///< whose alerts it tells, for the count of outcomes
};

/// Checks what can be checked without a network: the URL (net::parse_outbound_url), the template. Errors are
/// kInvalidArgument, name the receiver, and never show the URL's path.
Status check_receiver(const Receiver& receiver);

/// `repeat_ms`: how long Alertmanager is to take an alert for firing without hearing of it.
[[nodiscard]] OutboundMessage render(const Receiver& receiver, const Notification& notification,
                                     std::int64_t repeat_ms);

/// The headers of a request with this body.
[[nodiscard]] std::vector<net::HttpHeader> headers_of(const Receiver& receiver, const OutboundMessage& message);

/// Replaces {{name}} in a template: each by a JSON value, its quotes included. Names: id, status, stream, receiver,
/// text, created, alerts, more. Errors (kInvalidArgument): an unknown name, a result that is no JSON.
Result<std::string> fill_template(std::string_view body_template, const Notification& notification);

}  // namespace valence::alert
