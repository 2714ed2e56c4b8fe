#include "valence/net/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace valence::net {
namespace {

constexpr std::size_t kMaxUrlBytes = 8192;

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

tl::unexpected<Error> refuse(std::string_view text, std::string what) {
  std::string shown(text.substr(0, std::min(text.find_first_of("?#"), std::size_t{200})));
  return fail(ErrorCode::kInvalidArgument, std::move(shown), std::move(what),
              "expected http://host/... or https://host/...");
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return c > 0x20 && c < 0x7f && c != '\\' && c != '"' && c != '<' && c != '>'; });
}

bool is_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) {
      return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == ':' || c == '.';
    });
  }
  return !host.empty() && host.front() != '-' && host.front() != '.' &&
         std::ranges::all_of(host, [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; });
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failed != std::errc() || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return port;
}

/// "/a/./b/../c" -> "/a/c". Source: RFC 3986, section 5.2.4.
std::string without_dot_segments(std::string_view target) {
  const auto query = target.find('?');
  std::string_view path = target.substr(0, query);
  std::string out;
  while (!path.empty()) {
    const auto next = path.find('/', 1);
    const std::string_view step = path.substr(0, next);
    path = next == path.npos ? std::string_view() : path.substr(next);
    if (step == "/." || step == "/..") {
      if (step == "/..") out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
      if (path.empty()) out += '/';
    } else {
      out += step;
    }
  }
  if (out.empty()) out = "/";
  if (query != target.npos) out += target.substr(query);
  return out;
}

}  // namespace

std::string Origin::to_string() const {
  const std::uint16_t usual = is_secure() ? 443 : 80;
  return port == usual ? fmt::format("{}://{}", scheme, host) : fmt::format("{}://{}:{}", scheme, host, port);
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes) return refuse(text, fmt::format("is a URL of more than {} bytes", kMaxUrlBytes));
  if (!is_printable(text)) return refuse(text, "holds characters that no URL has");
  const auto scheme_end = text.find("://");
  Url url;
  url.origin.scheme = lower(text.substr(0, scheme_end == text.npos ? 0 : scheme_end));
  if (url.origin.scheme != "http" && url.origin.scheme != "https") return refuse(text, "is no http or https URL");
  std::string_view rest = text.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto authority_end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, authority_end);
  if (authority_end != rest.npos) {
    url.target = without_dot_segments(rest[authority_end] == '/' ? std::string(rest.substr(authority_end))
                                                                 : fmt::format("/{}", rest.substr(authority_end)));
  }
  if (authority.find('@') != authority.npos)
    return refuse(url.origin.scheme, "a URL with a user name or password is not followed");
  url.origin.port = url.origin.is_secure() ? 443 : 80;
  const auto bracket = authority.rfind(']');
  if (const auto colon = authority.rfind(':');
      colon != authority.npos && (bracket == authority.npos || colon > bracket)) {
    const auto port = parse_port(authority.substr(colon + 1));
    if (!port) return refuse(text, "has no port from 1 to 65535 after the colon");
    url.origin.port = *port;
    authority = authority.substr(0, colon);
  }
  url.origin.host = lower(authority);
  if (!is_host(url.origin.host)) return refuse(text, "names no host");
  return url;
}

Result<Url> resolve_redirect(const Url& base, std::string_view location) {
  if (location.find("://") != location.npos && location.find("://") < location.find_first_of("/?#"))
    return parse_url(location);
  if (location.starts_with("//")) return parse_url(fmt::format("{}:{}", base.origin.scheme, location));
  if (location.starts_with('/')) return parse_url(base.origin.to_string() + std::string(location));
  // Another scheme ("file:x") has its colon before any slash; parse_url names it.
  if (location.find(':') < location.find_first_of("/?#")) return parse_url(location);
  const std::string path = base.target.substr(0, base.target.find('?'));
  if (location.starts_with('?')) return parse_url(fmt::format("{}{}{}", base.origin.to_string(), path, location));
  return parse_url(fmt::format("{}{}{}", base.origin.to_string(), path.substr(0, path.rfind('/') + 1), location));
}

std::string percent_encoded(std::string_view text, std::string_view keep) {
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~' || keep.find(c) != keep.npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace valence::net
