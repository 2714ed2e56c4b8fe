#include "valence/server/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "valence/server/chunked_body.h"

namespace valence::server {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kEndOfHead = "\r\n\r\n";

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

struct Fault {
  int status;
  const char* what;
};

/// What is wrong with the complete lines of a head, so far as it needs no parser.
std::optional<Fault> check_lines(std::string_view head, const RequestLimits& limits) {
  std::size_t lines = 0;
  while (!head.empty()) {
    const auto end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 1);
    if (line.empty() || line.back() != '\r') return Fault{400, "a line ends in LF without CR"};
    const std::string_view content = line.substr(0, line.size() - 1);
    if (content.size() > limits.line_bytes) return Fault{431, "a header line is too long"};
    if (content.empty()) break;
    if (++lines > limits.headers + 1) return Fault{431, "too many headers"};
    if (lines > 1 && (content.front() == ' ' || content.front() == '\t')) {
      return Fault{400, "a header line is folded"};
    }
    if (std::any_of(content.begin(), content.end(), is_control)) {
      return Fault{400, "the head holds a control character"};
    }
  }
  return std::nullopt;
}

/// The decimal digits of a Content-Length; a sign, spaces or a list are no number.
std::optional<std::uint64_t> parse_length(std::string_view digits) {
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return length;
}

/// Rules about the headers that say where a request ends and whom it is for.
std::optional<Fault> check_framing(HttpRequest& request) {
  int lengths = 0;
  int codings = 0;
  int hosts = 0;
  std::string_view length;
  std::string_view coding;
  for (const auto& [name, value] : request.headers) {
    if (name == "content-length") {
      ++lengths;
      length = value;
    } else if (name == "transfer-encoding") {
      ++codings;
      coding = value;
    } else if (name == "host") {
      ++hosts;
    }
  }
  if (lengths > 1) return Fault{400, "more than one Content-Length"};
  if (codings > 1) return Fault{400, "more than one Transfer-Encoding"};
  if (lengths + codings > 1) return Fault{400, "both Content-Length and Transfer-Encoding"};
  if (hosts > 1) return Fault{400, "more than one Host"};
  if (hosts == 0 && !request.http_1_0) return Fault{400, "no Host"};
  if (codings == 1 && request.http_1_0) return Fault{400, "Transfer-Encoding in HTTP/1.0"};
  if (codings == 1 && lower(coding) != "chunked") return Fault{400, "a Transfer-Encoding other than chunked"};
  if (lengths == 1) {
    request.content_length = parse_length(length);
    if (!request.content_length) return Fault{400, "Content-Length is no number"};
  }
  request.has_length = lengths + codings == 1;
  request.has_body = codings == 1 || request.content_length.value_or(0) > 0;
  return std::nullopt;
}

std::optional<Fault> check_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return Fault{400, "the request target is no path"};
  const bool plain = std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
  if (!plain) return Fault{400, "the request target holds a character that must be percent-encoded"};
  return std::nullopt;
}

}  // namespace

struct RequestParser::Impl {
  RequestLimits limits;
  State state = State::kHead;
  std::string pending;        // the head so far
  std::size_t checked = 0;    // bytes of it that were looked through
  bool skipped_line = false;  // before this request
  ChunkedBody chunks;
  std::string body;
  HttpRequest request;
  bool streamed = false;
  std::size_t max_body = 0;
  std::uint64_t body_left = 0;  // of a Content-Length
  Fault fault{400, ""};
  std::string error;

  void fail(int status, std::string_view what) {
    state = State::kFailed;
    fault.status = status;
    error = what;
  }

  std::size_t feed_head(std::string_view bytes);
  void parse_head();
  std::size_t feed_sized(std::string_view bytes);
  std::size_t feed_chunked(std::string_view bytes);
  void complete();
};

std::size_t RequestParser::Impl::feed_head(std::string_view bytes) {
  const std::size_t before = pending.size();
  const std::size_t taken = std::min(bytes.size(), limits.head_bytes - before);
  pending.append(bytes.substr(0, taken));
  std::size_t skipped = 0;
  // RFC 9112 2.2: one empty line before a request is ignored.
  if (!skipped_line && pending.starts_with("\r\n")) {
    skipped_line = true;
    skipped = 2;
    pending.erase(0, skipped);
    checked = 0;
  }
  const auto end = pending.find(kEndOfHead, checked < 3 ? 0 : checked - 3);
  const std::size_t head_size = end == std::string::npos ? pending.size() : end + kEndOfHead.size();
  // A bare LF would otherwise be waited on: what its sender takes for the end of the head never comes.
  for (std::size_t i = checked; i < head_size; ++i) {
    if (pending[i] == '\n' && (i == 0 || pending[i - 1] != '\r')) {
      fail(400, "a line ends in LF without CR");
      return bytes.size();
    }
  }
  checked = pending.size();
  if (end == std::string::npos) {
    if (pending.size() >= limits.head_bytes) fail(431, "the head of the request is too long");
    return taken;
  }
  pending.resize(head_size);
  parse_head();
  return head_size + skipped - before;
}

void RequestParser::Impl::parse_head() {
  if (const auto wrong = check_lines(pending, limits)) return fail(wrong->status, wrong->what);
  http::parser<true, http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.head_bytes + 1));
  parser.body_limit(boost::none);  // bodies are read by ourselves
  boost::system::error_code failed;
  parser.put(boost::asio::buffer(pending), failed);
  if (failed && failed != http::error::need_more) return fail(400, "the request is not HTTP/1: " + failed.message());
  if (!parser.is_header_done()) return fail(400, "the request is not HTTP/1");
  const auto& head = parser.get();
  if (head.version() != 10 && head.version() != 11) return fail(400, "the version is not HTTP/1.0 or 1.1");
  request = {};
  request.method = std::string(head.method_string());
  const std::string_view target(head.target().data(), head.target().size());
  if (const auto wrong = check_target(target)) return fail(wrong->status, wrong->what);
  const auto mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  request.http_1_0 = head.version() == 10;
  for (const auto& field : head) {
    request.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                 std::string(field.value()));
  }
  if (const auto wrong = check_framing(request)) return fail(wrong->status, wrong->what);
  request.keep_alive = head.keep_alive();
  const std::string expect = lower(request.header("expect"));
  if (!expect.empty() && expect != "100-continue") return fail(400, "an Expect other than 100-continue");
  request.expects_continue = !expect.empty() && request.has_body && !request.http_1_0;
  pending.clear();
  checked = 0;
  state = State::kReady;
}

std::size_t RequestParser::Impl::feed_sized(std::string_view bytes) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left));
  body.append(bytes.substr(0, taken));
  body_left -= taken;
  if (body_left == 0) complete();
  return taken;
}

std::size_t RequestParser::Impl::feed_chunked(std::string_view bytes) {
  const std::size_t taken = chunks.feed(bytes, body);
  // The size first: in smaller pieces it would have been seen before what follows was broken.
  if (!streamed && body.size() > max_body) {
    fail(413, "the body is too long");
  } else if (chunks.error() != nullptr) {
    fail(400, fmt::format("the body is broken: {}", chunks.error()));
  } else if (chunks.done()) {
    complete();
  }
  return taken;
}

void RequestParser::Impl::complete() {
  if (!streamed) request.body = std::move(body);
  state = State::kDone;
}

RequestParser::RequestParser(const RequestLimits& limits) : impl_(std::make_unique<Impl>()) { impl_->limits = limits; }
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) {
  switch (impl_->state) {
    case State::kHead:
      return impl_->feed_head(bytes);
    case State::kBody:
      return impl_->request.content_length ? impl_->feed_sized(bytes) : impl_->feed_chunked(bytes);
    case State::kReady:
    case State::kDone:
    case State::kFailed:
      return 0;
  }
  return 0;
}

RequestParser::State RequestParser::state() const { return impl_->state; }
bool RequestParser::begun() const { return impl_->state != State::kHead || !impl_->pending.empty(); }
HttpRequest& RequestParser::request() { return impl_->request; }

void RequestParser::expect_body(std::size_t max_bytes, bool streamed) {
  impl_->streamed = streamed;
  impl_->max_body = max_bytes;
  if (!streamed && impl_->request.content_length.value_or(0) > max_bytes) {
    impl_->fail(413, "the body is too long");
    return;
  }
  if (!impl_->request.has_body) {
    impl_->state = State::kDone;
    return;
  }
  impl_->body_left = impl_->request.content_length.value_or(0);
  impl_->body.clear();
  impl_->chunks = {};
  impl_->state = State::kBody;
}

std::string RequestParser::take_body() { return std::exchange(impl_->body, {}); }

void RequestParser::reset() {
  impl_->request = {};
  impl_->pending.clear();
  impl_->checked = 0;
  impl_->skipped_line = false;
  impl_->state = State::kHead;
}

int RequestParser::status() const { return impl_->fault.status; }
const std::string& RequestParser::error() const { return impl_->error; }

}  // namespace valence::server
