#include "valence/server/page_routes.h"

// Each pair marks a file's first byte and the byte behind its last: pages.S.
extern "C" {
extern const char valence_page_docs_html_begin[], valence_page_docs_html_end[];
extern const char valence_page_docs_js_begin[], valence_page_docs_js_end[];
extern const char valence_page_docs_css_begin[], valence_page_docs_css_end[];
extern const char valence_page_openapi_begin[], valence_page_openapi_end[];
}

namespace valence::server {
namespace {

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }

void answer_file(const CallPointer& call, std::string_view type, std::string_view content) {
  call->answer({.content_type = std::string(type),
                .body = std::string(content),
                .headers = {{"Content-Security-Policy", std::string(kPagePolicy)}}});
}

Route file_route(std::string_view path, std::string_view type, std::string_view content) {
  return {.method = "GET",
          .pattern = path,
          .access = AccessLevel::kPublic,  // it holds nothing of anybody
          .handle = [type, content](const CallPointer& call) { answer_file(call, type, content); }};
}

constexpr std::string_view kHtml = "text/html; charset=utf-8";

std::string_view docs_html() { return between(valence_page_docs_html_begin, valence_page_docs_html_end); }

}  // namespace

std::string_view openapi_document() { return between(valence_page_openapi_begin, valence_page_openapi_end); }

void answer_with_docs(const CallPointer& call) { answer_file(call, kHtml, docs_html()); }

std::vector<Route> page_routes() {
  return {
      file_route("/docs", kHtml, docs_html()),
      file_route("/docs.js", "text/javascript; charset=utf-8",
                 between(valence_page_docs_js_begin, valence_page_docs_js_end)),
      file_route("/docs.css", "text/css; charset=utf-8",
                 between(valence_page_docs_css_begin, valence_page_docs_css_end)),
      file_route("/openapi.json", "application/json", openapi_document()),
  };
}

}  // namespace valence::server
