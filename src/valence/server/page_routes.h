/// \file
/// What browsers load: the page to try the API on, and the OpenAPI document. No page asks anything of another origin.
#pragma once

#include <string_view>
#include <vector>

#include "valence/server/router.h"

namespace valence::server {

/// What a page of this server may do: load its own script and style, ask its own origin. Nothing inline.
inline constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

[[nodiscard]] std::vector<Route> page_routes();

/// The page at /docs, for who comes to / with a browser.
void answer_with_docs(const CallPointer& call);

/// The document at /openapi.json.
[[nodiscard]] std::string_view openapi_document();

}  // namespace valence::server
