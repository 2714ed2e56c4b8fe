#include "valence/server/bulk.h"

#include <fmt/format.h>

#include <array>
#include <deque>
#include <limits>

#include "valence/server/query_string.h"
#include "valence/server/wire.h"

namespace valence::server {
namespace {

using std::chrono::milliseconds;

// Texts that go to the service together, and how many such groups one request may have under way.
constexpr std::size_t kGroupTexts = 32;
constexpr std::size_t kGroupsUnderWay = 4;
// A longer line is skipped: it cannot hold a text that is allowed.
constexpr std::size_t kMaxLineBytes = 2'500'000;
constexpr std::size_t kUnsentBytes = 1U << 20U;
// Before a full queue is tried again.
constexpr milliseconds kLongestWait{100};

struct BulkOptions {
  std::shared_ptr<const pipeline::ServedModel> model;
  std::size_t top_k = 1;
  std::optional<float> threshold;
  std::optional<milliseconds> timeout;  // of the lines that are classified together
  std::string stream;
  std::string channel;
  std::string subject;
};

OrProblem<BulkOptions> parse_options(const ServerContext& context, std::string_view words) {
  constexpr auto kKeys =
      std::to_array<std::string_view>({"model", "top_k", "threshold", "timeout_ms", "stream", "channel", "subject"});
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  SERVER_PASS(const auto query, QueryString::parse(words, kKeys));
  BulkOptions options;
  SERVER_PASS(options.model, find_model(context, query.value("model")));
  if (query.value("top_k") == "all") {
    options.top_k = 0;
  } else {
    SERVER_PASS(options.top_k, query.count("top_k", kMost, 1));
  }
  SERVER_PASS(options.threshold, query.share("threshold"));
  if (query.value("timeout_ms")) {
    SERVER_PASS(const std::size_t timeout, query.count("timeout_ms", kMost, 1));
    options.timeout = milliseconds(timeout);
  }
  SERVER_PASS(options.stream, query.name("stream"));
  if (options.stream.empty()) options.stream = pipeline::kDefaultStream;
  SERVER_PASS(options.channel, query.name("channel"));
  SERVER_PASS(options.subject, query.name("subject"));
  return options;
}

/// Lines that are answered together. A line without a text has its answer already.
struct Group {
  struct Line {
    std::optional<std::string> id;
    std::optional<std::size_t> text;  // index among the texts
    std::string answer;               // where there is none
  };
  std::vector<Line> lines;
  std::vector<BatchText> texts;
  std::vector<pipeline::TextFields> fields;
  bool submitted = false;
  bool done = false;
  std::string output;
};

void append_error(std::string& out, const std::optional<std::string>& id, std::string_view type,
                  std::string_view message) {
  out += '{';
  if (id) {
    out += "\"id\":";
    append_json_string(out, *id);
    out += ',';
  }
  out += "\"error\":{\"type\":";
  append_json_string(out, type);
  out += ",\"message\":";
  append_json_string(out, message);
  out += "}}\n";
}

class Bulk final : public BodyReader, public std::enable_shared_from_this<Bulk> {
 public:
  Bulk(ServerContext& context, CallPointer call, BulkOptions options)
      : context_(context), call_(std::move(call)), options_(std::move(options)) {}

  void start() {
    // The closure must not keep this alive: the exchange holds it.
    call_->exchange().on_drained([self = weak_from_this()] {
      if (const auto bulk = self.lock()) bulk->pump();
    });
    call_->start({.content_type = "application/x-ndjson"});
  }

  void take(std::string_view piece, bool last) override {
    ended_ = last;
    while (!piece.empty()) {
      const auto end = piece.find('\n');
      const std::string_view part = piece.substr(0, end);
      if (line_.size() + part.size() <= kMaxLineBytes) {
        line_ += part;
      } else {
        too_long_ = true;
      }
      if (end == std::string_view::npos) break;
      piece.remove_prefix(end + 1);
      end_line();
    }
    if (last && (!line_.empty() || too_long_)) end_line();
    close_group();
    wants_more_ = !last;
    pump();
  }

  void broken() override {
    over_ = true;
    call_->exchange().cut();  // what was no body has no answer that ends well
  }

 private:
  void end_line() {
    std::string line = std::exchange(line_, {});
    if (line.ends_with('\r')) line.pop_back();
    if (!std::exchange(too_long_, false)) {
      if (line.find_first_not_of(" \t") == std::string::npos) return;
      add(line);
    } else {
      refuse_line(std::nullopt, "TooLarge", fmt::format("a line has more than {} bytes", kMaxLineBytes));
    }
    if (open_ && open_->lines.size() >= kGroupTexts) close_group();
  }

  Group& group() {
    if (!open_) open_ = std::make_shared<Group>();
    return *open_;
  }

  void refuse_line(std::optional<std::string> id, std::string_view type, std::string_view message) {
    auto& line = group().lines.emplace_back();
    append_error(line.answer, id, type, message);
  }

  void add(std::string_view text) {
    const auto json = parse_json(text);
    if (!json) return refuse_line(std::nullopt, "InvalidJson", json.error().message);
    auto parsed = parse_native_text(*json, context_.limits);
    if (!parsed) {
      const bool large = parsed.error().kind == ProblemKind::kTooLarge;
      return refuse_line(std::nullopt, large ? "TooLarge" : "Validation", parsed.error().message);
    }
    Group& group = this->group();
    group.lines.push_back({.id = parsed->id, .text = group.texts.size(), .answer = {}});
    group.fields.push_back(
        {.id = parsed->id ? *std::move(parsed->id) : context_.ids.next(), .metadata = std::move(parsed->metadata)});
    group.texts.push_back({.text = std::move(parsed->text), .pair = std::move(parsed->text_pair)});
  }

  void close_group() {
    if (open_) groups_.push_back(std::exchange(open_, nullptr));
  }

  /// Submits what may run, sends what is done and in turn, and asks for more.
  void pump() {
    if (over_) return;
    std::size_t under_way = 0;
    for (std::size_t i = 0; i < groups_.size() && under_way < kGroupsUnderWay; ++i) {
      if (!groups_[i]->submitted && !submit(groups_[i])) break;
      if (!groups_[i]->done) ++under_way;
    }
    while (!groups_.empty() && groups_.front()->done && call_->exchange().unsent_bytes() < kUnsentBytes) {
      call_->exchange().write(std::move(groups_.front()->output));
      groups_.pop_front();
    }
    if (groups_.empty() && ended_) {
      over_ = true;
      return call_->exchange().finish();
    }
    if (wants_more_ && groups_.size() < kGroupsUnderWay && call_->exchange().unsent_bytes() < kUnsentBytes) {
      wants_more_ = false;
      call_->exchange().read_more();
    }
  }

  /// False where the queue is full: it is tried again later.
  bool submit(const std::shared_ptr<Group>& group) {
    if (group->texts.empty()) {
      group->submitted = true;
      finish(*group, nullptr);
      return true;
    }
    pipeline::ServiceRequest request;
    request.model = options_.model;
    request.texts = group->texts;
    request.fields = group->fields;
    request.stream = options_.stream;
    request.channel = options_.channel;
    request.subject = options_.subject;
    request.threshold = options_.threshold;
    request.timeout = options_.timeout;
    request.comes_again = true;
    request.abandoned = call_->exchange().abandoned();
    const auto later = context_.service.submit(
        std::move(request), [self = shared_from_this(), group](std::shared_ptr<const pipeline::ServiceReply> reply) {
          self->call_->exchange().post([self, group, reply = std::move(reply)] {
            self->finish(*group, reply.get());
            self->pump();
          });
        });
    if (later) {
      come_again(std::min(*later, kLongestWait));
      return false;
    }
    group->submitted = true;
    group->texts.clear();
    return true;
  }

  void come_again(milliseconds delay) {
    if (std::exchange(comes_again_, true)) return;
    call_->exchange().post_after(delay, [self = shared_from_this()] {
      self->comes_again_ = false;
      self->pump();
    });
  }

  void finish(Group& group, const pipeline::ServiceReply* reply) {
    for (const Group::Line& line : group.lines) {
      if (!line.text) {
        group.output += line.answer;
      } else if (reply->outcome != BatchOutcome::kDone) {
        const Problem why = not_computed(reply->outcome);
        append_error(group.output, line.id, type_of(why.kind), why.message);
      } else {
        append_native_result(group.output, *reply, *line.text, line.id, options_.top_k);
        group.output += '\n';
      }
    }
    group.done = true;
  }

  ServerContext& context_;
  CallPointer call_;
  BulkOptions options_;
  std::string line_;       // begun, not yet ended
  bool too_long_ = false;  // that line, whose end is skipped
  std::shared_ptr<Group> open_;
  std::deque<std::shared_ptr<Group>> groups_;  // in order
  bool wants_more_ = false;
  bool ended_ = false;  // the body
  bool over_ = false;
  bool comes_again_ = false;  // a timer is set, for the queue was full
};

/// Reads and forgets: the answer has been given.
class Discard final : public BodyReader {
 public:
  void take(std::string_view, bool) override {}
  void broken() override {}
};

}  // namespace

std::shared_ptr<BodyReader> open_bulk(ServerContext& context, const CallPointer& call) {
  auto options = parse_options(context, call->request().query);
  if (!options) {
    call->refuse(options.error());
    return std::make_shared<Discard>();
  }
  auto bulk = std::make_shared<Bulk>(context, call, *std::move(options));
  bulk->start();
  return bulk;
}

}  // namespace valence::server
