#include "valence/server/request_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace valence::server {
namespace {

using State = RequestParser::State;

struct Outcome {
  State state = State::kHead;
  int status = 0;
  std::vector<HttpRequest> requests;
};

/// Everything in pieces of `step` bytes, bodies up to 1,000 bytes.
Outcome parse(const std::string& bytes, std::size_t step, const RequestLimits& limits = {}) {
  RequestParser parser(limits);
  Outcome outcome;
  std::string pending;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    pending += bytes.substr(at, step);
    while (true) {
      const State before = parser.state();
      pending.erase(0, parser.feed(pending));
      if (parser.state() == State::kReady) parser.expect_body(1000, false);
      if (parser.state() == State::kDone) {
        outcome.requests.push_back(parser.request());
        parser.reset();
        continue;
      }
      if (parser.state() == State::kFailed || (pending.empty() && parser.state() == before)) break;
      if (pending.empty()) break;
    }
    if (parser.state() == State::kFailed) break;
  }
  outcome.state = parser.state();
  outcome.status = outcome.state == State::kFailed ? parser.status() : 0;
  return outcome;
}

int status_of(const std::string& bytes) {
  const int whole = parse(bytes, bytes.size()).status;
  const int split = parse(bytes, 1).status;
  EXPECT_EQ(whole, split) << bytes;
  return whole;
}

const std::string kHost = "Host: localhost\r\n";

TEST(RequestParser, SplitsMethodPathQueryHeadersAndBody) {
  const std::string bytes =
      "POST /v1/classify?stream=a%20b HTTP/1.1\r\nHOST: localhost\r\nX-Thing:  some value \r\nContent-Length: "
      "5\r\n\r\nhello";
  for (const std::size_t step : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
    const Outcome outcome = parse(bytes, step);
    ASSERT_EQ(outcome.requests.size(), 1U);
    const HttpRequest& request = outcome.requests.front();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/v1/classify");
    EXPECT_EQ(request.query, "stream=a%20b");
    EXPECT_EQ(request.header("host"), "localhost");
    EXPECT_EQ(request.header("x-thing"), "some value");
    EXPECT_EQ(request.body, "hello");
    EXPECT_TRUE(request.keep_alive);
  }
}

TEST(RequestParser, PipelinedRequestsComeOneByOne) {
  const std::string one = "GET /a HTTP/1.1\r\n" + kHost + "\r\n";
  const std::string two = "POST /b HTTP/1.1\r\n" + kHost + "Content-Length: 2\r\n\r\nhi";
  const Outcome outcome = parse(one + two + one, 1000);
  ASSERT_EQ(outcome.requests.size(), 3U);
  EXPECT_EQ(outcome.requests[1].body, "hi");
  EXPECT_EQ(outcome.requests[2].path, "/a");
}

TEST(RequestParser, ChunksAreJoinedHoweverTheyAreCut) {
  const std::string bytes = "POST / HTTP/1.1\r\n" + kHost +
                            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const Outcome outcome = parse(bytes, step);
    ASSERT_EQ(outcome.requests.size(), 1U) << step;
    EXPECT_EQ(outcome.requests.front().body, "hello world");
  }
}

TEST(RequestParser, WhatCouldBeReadInTwoWaysIsRefused) {
  const std::vector<std::string> heads{
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 5, 5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: +5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: -5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 5 5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 0x5\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: \r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 18446744073709551616\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: gzip, chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked, identity\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: xchunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\n" + kHost + "\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + "X: a\rb\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + "X: a\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + "X : a\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + " X: a\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + "no colon\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + ": no name\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + std::string("X: a\0b\r\n\r\n", 10),
      "GET / HTTP/1.1\r\n" + kHost + "X: a\x01\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n",
      "GET  / HTTP/1.1\r\n" + kHost + "\r\n",
      "GET /\tHTTP/1.1\r\n" + kHost + "\r\n",
      "GET / HTTP/2.0\r\n" + kHost + "\r\n",
      "GET / HTTP/0.9\r\n" + kHost + "\r\n",
      "GET / http/1.1\r\n" + kHost + "\r\n",
      "GET /\r\n",
      "GET http://localhost/ HTTP/1.1\r\n" + kHost + "\r\n",
      "GET /a b HTTP/1.1\r\n" + kHost + "\r\n",
      "GET /\xC3\xA9 HTTP/1.1\r\n" + kHost + "\r\n",
      "G@T / HTTP/1.1\r\n" + kHost + "\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\n" + kHost + "\r\n",
      "GET / HTTP/1.1\r\n" + kHost + "Expect: miracles\r\n\r\n",
  };
  for (const std::string& head : heads) EXPECT_EQ(status_of(head + "GET /x HTTP/1.1\r\n\r\n"), 400) << head;
}

TEST(RequestParser, BrokenChunksAreRefused) {
  const std::string head = "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::string> bodies{
      "-2\r\nab\r\n0\r\n\r\n",    "+2\r\nab\r\n0\r\n\r\n",
      "0x2\r\nab\r\n0\r\n\r\n",   "2 \r\nab\r\n0\r\n\r\n",
      "zz\r\nab\r\n0\r\n\r\n",    "\r\nab\r\n0\r\n\r\n",
      "2\nab\n0\n\n\r\n\r\n\r\n", "ffffffffffffffff1\r\nab\r\n0\r\n\r\n",
      "2\r\nabc\r\n0\r\n\r\n",    "2;" + std::string(5000, 'x') + "\r\nab\r\n0\r\n\r\n"};
  for (const std::string& body : bodies) EXPECT_EQ(status_of(head + body), 400) << body;
}

TEST(RequestParser, OneEmptyLineBeforeARequestIsIgnored) {
  const std::string bytes = "\r\nGET / HTTP/1.1\r\n" + kHost + "\r\n";
  EXPECT_EQ(parse(bytes, bytes.size()).requests.size(), 1U);
  EXPECT_EQ(parse(bytes, 1).requests.size(), 1U);
}

TEST(RequestParser, LongHeadsLinesAndListsGet431) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + kHost + "X: " + std::string(9000, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(status_of("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n"), 431);
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: a\r\n";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + kHost + many + "\r\n"), 431);
}

TEST(RequestParser, ABodyBeyondTheLimitGets413BeforeItIsRead) {
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n" + kHost + "Content-Length: 1001\r\n\r\n"), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                      std::string(1001, 'a') + "\r\n0\r\n\r\n"),
            413);
}

TEST(RequestParser, AStreamedBodyIsFetchedPieceByPiece) {
  RequestParser parser;
  parser.feed("POST / HTTP/1.1\r\n" + kHost + "Content-Length: 10\r\n\r\n");
  ASSERT_EQ(parser.state(), State::kReady);
  parser.expect_body(0, true);
  EXPECT_EQ(parser.feed("hello"), 5U);
  EXPECT_EQ(parser.take_body(), "hello");
  EXPECT_EQ(parser.feed("worldGET"), 5U);
  EXPECT_EQ(parser.state(), State::kDone);
  EXPECT_EQ(parser.take_body(), "world");
}

TEST(RequestParser, ConnectionHeadersDecideWhetherItStaysOpen) {
  const auto keeps = [](const std::string& bytes) { return parse(bytes, 1000).requests.at(0).keep_alive; };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\n" + kHost + "\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

}  // namespace
}  // namespace valence::server
