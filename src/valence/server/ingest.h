/// \file
/// POST /v1/ingest: webhooks of other systems, whatever their JSON looks like.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "valence/base/json.h"
#include "valence/base/secret.h"
#include "valence/server/problem.h"

namespace valence::server {

struct IngestOptions {
  /// What senders sign with; absent: they need an API key, as for any other route.
  std::optional<Secret> secret = std::nullopt;
  /// Where the text is: members and array indices with dots between ("data.review.0.body").
  std::string text_path = "text";
  std::map<std::string, std::string> stream_text_paths = {};  ///< by stream; text_path for the others
  std::string id_path = "id";                                 ///< where an id may be: a string or a number; the record's is STREAM/ID
};

/// Signatures of bodies, each good once.
///
/// X-Valence-Signature: sha256=<hex HMAC-SHA256 of the body>. With X-Valence-Timestamp: <Unix seconds> it is of
/// "<timestamp>.<body>", and a timestamp more than kTolerance from now is refused: so a copy is never taken, while a
/// body signed alone may come again after kRemembered, or after kMostRemembered others. Thread-safe.
class SignatureCheck {
 public:
  static constexpr std::chrono::seconds kTolerance{300};
  static constexpr std::chrono::seconds kRemembered{2 * kTolerance};
  static constexpr std::size_t kMostRemembered = 100'000;

  explicit SignatureCheck(Secret secret) : secret_(std::move(secret)) {}

  /// Nothing if the request may pass; its signature then may not again, unless it is forgotten. `now_ms`: Unix time.
  [[nodiscard]] std::optional<Problem> refuse(std::string_view signature, std::string_view timestamp,
                                              std::string_view body, std::int64_t now_ms);
  /// Of a request that had passed and was not taken after all: its sender may try again.
  void forget(std::string_view signature);

 private:
  struct Seen {
    std::int64_t time_ms;
    std::string signature;
  };

  Secret secret_;
  std::mutex mutex_;
  std::deque<Seen> order_;  // oldest first
  std::unordered_map<std::string, std::int64_t> seen_;  // signature -> time_ms
};

/// The value at `path` in `document`; nothing where there is none.
[[nodiscard]] std::optional<Json> value_at(const Json& document, std::string_view path);

}  // namespace valence::server
