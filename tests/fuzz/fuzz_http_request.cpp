// HTTP/1 requests: how the bytes are cut into pieces changes nothing, and what is accepted keeps the strict grammar.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "valence/server/request_parser.h"

namespace {

using valence::server::HttpRequest;
using valence::server::RequestParser;
using State = RequestParser::State;

constexpr std::size_t kMaxBody = 4096;

struct Outcome {
  std::vector<std::string> requests;
  State state = State::kHead;
  int status = 0;

  bool operator==(const Outcome&) const = default;
};

std::string flat(const HttpRequest& request) {
  std::string text = request.method + ' ' + request.path + '?' + request.query;
  for (const auto& [name, value] : request.headers) text += '\n' + name + ':' + value;
  return text + "\n\n" + request.body;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const HttpRequest& request) {
  require(request.body.size() <= kMaxBody);
  int lengths = 0;
  for (const auto& [name, value] : request.headers) {
    require(name.find_first_of(" \t\r\n:") == std::string::npos && !name.empty());
    require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    if (name == "content-length" || name == "transfer-encoding") ++lengths;
  }
  require(lengths <= 1);
  require(request.path.starts_with('/'));
}

Outcome parse(std::string_view bytes, std::size_t step) {
  RequestParser parser;
  Outcome outcome;
  std::string pending;
  for (std::size_t at = 0; at < bytes.size() && parser.state() != State::kFailed; at += step) {
    pending += bytes.substr(at, step);
    while (!pending.empty() && parser.state() != State::kFailed) {
      const std::size_t taken = parser.feed(pending);
      require(taken <= pending.size());
      pending.erase(0, taken);
      if (parser.state() == State::kReady) parser.expect_body(kMaxBody, false);
      if (parser.state() == State::kDone) {
        check(parser.request());
        outcome.requests.push_back(flat(parser.request()));
        parser.reset();
      }
    }
  }
  outcome.state = parser.state();
  if (outcome.state == State::kFailed) outcome.status = parser.status();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = parse(bytes, std::max<std::size_t>(1, size));
  require(parse(bytes, 1) == whole);
  require(parse(bytes, 7) == whole);
  return 0;
}
