/// \file
/// A notification as Slack's incoming webhooks (and Mattermost, Rocket.Chat) take it.
#pragma once

#include <string>
#include <string_view>

#include "valence/alert/notification.h"

namespace valence::alert {

/// At most so many characters of a section's text, of a header, and blocks: docs.slack.dev, "Block Kit".
inline constexpr std::size_t kMaxSlackSection = 3000;
inline constexpr std::size_t kMaxSlackHeader = 150;
inline constexpr std::size_t kMaxSlackBlocks = 50;

/// The JSON body: `text` for notifications on a phone, `blocks` for the rest.
[[nodiscard]] std::string slack_body(const Notification& notification);

/// `text` with & < > as entities, as Slack wants it, and control characters other than line ends as spaces.
[[nodiscard]] std::string slack_escaped(std::string_view text);

}  // namespace valence::alert
