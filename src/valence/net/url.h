/// \file
/// http and https URLs: where they go, and where a redirect leads. Strict, so that no two readers can disagree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence::net {

/// Whom one talks to. A token belongs to an origin and goes nowhere else.
struct Origin {
  std::string scheme;  ///< "http" or "https"
  std::string host;    ///< lower case; an IPv6 address with its brackets
  std::uint16_t port = 0;

  friend bool operator==(const Origin&, const Origin&) = default;
  [[nodiscard]] bool is_secure() const { return scheme == "https"; }
  /// "https://host" or "http://host:8080".
  [[nodiscard]] std::string to_string() const;
};

struct Url {
  Origin origin;
  std::string target{"/"};  ///< path and query, without fragment

  [[nodiscard]] std::string to_string() const { return origin.to_string() + target; }
};

/// Only http and https, no user name or password, printable ASCII without spaces, backslashes or quotes, at most 8 KB.
/// Errors are kInvalidArgument and do not quote the query, which may be a signature.
Result<Url> parse_url(std::string_view text);

/// What `location`, absolute or relative, means on the page `base`. Source: RFC 3986, section 5.
Result<Url> resolve_redirect(const Url& base, std::string_view location);

/// `text` with everything but letters, digits, "-_.~" and the characters of `keep` as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text, std::string_view keep = {});

}  // namespace valence::net
