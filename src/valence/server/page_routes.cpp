#include "valence/server/page_routes.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/store/stored_record.h"

// Each pair marks a file's first byte and the byte behind its last: pages.S.
extern "C" {
extern const char valence_page_docs_html_begin[], valence_page_docs_html_end[];
extern const char valence_page_docs_js_begin[], valence_page_docs_js_end[];
extern const char valence_page_docs_css_begin[], valence_page_docs_css_end[];
extern const char valence_page_openapi_begin[], valence_page_openapi_end[];
extern const char valence_page_dashboard_html_begin[], valence_page_dashboard_html_end[];
extern const char valence_page_dashboard_js_begin[], valence_page_dashboard_js_end[];
extern const char valence_page_dashboard_css_begin[], valence_page_dashboard_css_end[];
extern const char valence_page_favicon_begin[], valence_page_favicon_end[];
}

namespace valence::server {
namespace {

constexpr std::size_t kEtagDigits = 32;

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kScript = "text/javascript; charset=utf-8";
constexpr std::string_view kStyle = "text/css; charset=utf-8";

struct PageFile {
  std::string_view type;
  std::string_view content;
  std::string etag;  ///< with its quotes
};

PageFile page_file(std::string_view type, const char* begin, const char* end) {
  const std::string_view content(begin, static_cast<std::size_t>(end - begin));
  return {type, content, fmt::format("\"{}\"", store::sha256_hex(content).substr(0, kEtagDigits))};
}

void answer_file(const CallPointer& call, const PageFile& file, HttpHeaders headers = {}) {
  headers.emplace_back("Content-Security-Policy", kPagePolicy);
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  headers.emplace_back("Cache-Control", "no-cache");  // kept, and asked for again each time
  headers.emplace_back("ETag", file.etag);
  if (matches_etag(call->request().header("if-none-match"), file.etag)) {
    return call->answer({.status = 304, .headers = std::move(headers)});
  }
  call->answer(
      {.content_type = std::string(file.type), .body = std::string(file.content), .headers = std::move(headers)});
}

Route file_route(std::string_view path, PageFile file) {
  return {.method = "GET",
          .pattern = path,
          .access = AccessLevel::kPublic,
          .while_draining = true,
          .handle = [file = std::move(file)](const CallPointer& call) { answer_file(call, file); }};
}

std::string_view without_spaces(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

bool matches_etag(std::string_view if_none_match, std::string_view etag) {
  // Our tags hold no comma.
  while (!if_none_match.empty()) {
    std::string_view each = if_none_match.substr(0, if_none_match.find(','));
    if_none_match.remove_prefix(std::min(if_none_match.size(), each.size() + 1));
    each = without_spaces(each);
    if (each == "*") return true;
    if (each.starts_with("W/")) each.remove_prefix(2);
    if (each == etag) return true;
  }
  return false;
}

std::string_view openapi_document() {
  return {valence_page_openapi_begin, static_cast<std::size_t>(valence_page_openapi_end - valence_page_openapi_begin)};
}

void answer_with_dashboard(const CallPointer& call) {
  static const PageFile kPage = page_file(kHtml, valence_page_dashboard_html_begin, valence_page_dashboard_html_end);
  answer_file(call, kPage, {{"Vary", "Accept"}});
}

std::vector<Route> page_routes() {
  return {
      file_route("/assets/dashboard.js",
                 page_file(kScript, valence_page_dashboard_js_begin, valence_page_dashboard_js_end)),
      file_route("/assets/dashboard.css",
                 page_file(kStyle, valence_page_dashboard_css_begin, valence_page_dashboard_css_end)),
      file_route("/assets/favicon.svg",
                 page_file("image/svg+xml", valence_page_favicon_begin, valence_page_favicon_end)),
      file_route("/docs", page_file(kHtml, valence_page_docs_html_begin, valence_page_docs_html_end)),
      file_route("/docs.js", page_file(kScript, valence_page_docs_js_begin, valence_page_docs_js_end)),
      file_route("/docs.css", page_file(kStyle, valence_page_docs_css_begin, valence_page_docs_css_end)),
      file_route("/openapi.json", page_file("application/json", valence_page_openapi_begin, valence_page_openapi_end)),
  };
}

}  // namespace valence::server
