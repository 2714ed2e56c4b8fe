/// \file
/// What browsers load: the dashboard, the page to try the API on, and the OpenAPI document. They are part of the
/// program, hold nothing of anybody and need no key; no page asks anything of another origin.
#pragma once

#include <string_view>
#include <vector>

#include "valence/server/router.h"

namespace valence::server {

/// What a page of this server may do: load its own script and style, ask its own origin. Nothing inline.
inline constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Each with a strong ETag, to be asked for again with If-None-Match (RFC 9110, 13.1.2).
[[nodiscard]] std::vector<Route> page_routes();

/// The dashboard, for who comes to / with a browser.
void answer_with_dashboard(const CallPointer& call);

/// Whether one of the tags in an If-None-Match header is `etag`, by the weak comparison that the header asks for.
[[nodiscard]] bool matches_etag(std::string_view if_none_match, std::string_view etag);

/// The document at /openapi.json.
[[nodiscard]] std::string_view openapi_document();

}  // namespace valence::server
