#include "valence/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

namespace valence {

struct Json::Document {
  nlohmann::json root;
  std::string source;
};

namespace {

const nlohmann::json& node_of(const void* node) { return *static_cast<const nlohmann::json*>(node); }

std::string kind_name(const nlohmann::json& node) {
  std::string shown = node.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  constexpr std::size_t kShown = 60;
  if (shown.size() > kShown) shown = fmt::format("{}...", std::string_view(shown).substr(0, kShown));
  return fmt::format("{} {}", node.type_name(), shown);
}

/// Recursion as deep as the document, which is bounded before it is parsed.
std::size_t members_within(const nlohmann::json& node) {
  std::size_t members = node.is_object() ? node.size() : 0;
  if (node.is_structured()) {
    for (const auto& value : node) members += members_within(value);
  }
  return members;
}

/// Of a document that is valid JSON and has one.
std::string first_repeated_key(std::string_view text) {
  std::vector<std::unordered_set<std::string>> open_objects;
  std::string repeated;
  const auto watch_keys = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) {
      open_objects.emplace_back();
    } else if (event == Event::object_end) {
      open_objects.pop_back();
    } else if (event == Event::key && repeated.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_objects.back().insert(key).second) repeated = key;
    }
    return true;
  };
  [[maybe_unused]] const auto tree = nlohmann::json::parse(text, watch_keys);
  return repeated;
}

}  // namespace

Json::Json(std::shared_ptr<const Document> document, const void* node, std::string path)
    : document_(std::move(document)), node_(node), path_(std::move(path)) {}

Result<Json> Json::parse(std::string_view text, std::string source, JsonLimits limits) {
  // The parser itself keeps a stack as deep as the input, and a tree that is many times as large.
  VALENCE_TRY_STATUS(JsonBounds(limits).feed(text, source));
  std::size_t keys = 0;
  const auto count_keys = [&keys](int, nlohmann::json::parse_event_t event, nlohmann::json&) {
    keys += event == nlohmann::json::parse_event_t::key ? 1 : 0;
    return true;
  };
  auto document = std::make_shared<Document>();
  try {
    document->root = nlohmann::json::parse(text, count_keys);
  } catch (const nlohmann::json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: ..." -> what a user needs of it.
    std::string_view what = e.what();
    if (const auto end = what.find("] "); end != std::string_view::npos) what.remove_prefix(end + 2);
    // It quotes the whole last token, which may be megabytes; the place and the complaint come before that.
    constexpr std::size_t kShownBytes = 200;
    what = what.substr(0, std::min(what.find("; last read: "), kShownBytes));
    return fail(ErrorCode::kInvalidData, std::move(source), fmt::format("not valid JSON: {}", what));
  }
  // Of two members with one key only the later is in the tree.
  if (members_within(document->root) != keys) {
    return fail(ErrorCode::kInvalidData, std::move(source),
                fmt::format("the key {} stands twice", in_quotes(first_repeated_key(text))));
  }
  document->source = std::move(source);
  const void* root = &document->root;
  return Json(std::move(document), root, "");
}

bool Json::is_null() const { return node_of(node_).is_null(); }
bool Json::is_object() const { return node_of(node_).is_object(); }
bool Json::is_array() const { return node_of(node_).is_array(); }
bool Json::is_string() const { return node_of(node_).is_string(); }
bool Json::is_number() const { return node_of(node_).is_number(); }
bool Json::is_integer() const { return node_of(node_).is_number_integer(); }
bool Json::is_boolean() const { return node_of(node_).is_boolean(); }

Json Json::child(const void* node, std::string_view step) const {
  return {document_, node, path_.empty() ? std::string(step) : fmt::format("{}.{}", path_, step)};
}

std::size_t Json::size() const { return node_of(node_).is_structured() ? node_of(node_).size() : 0; }

std::optional<Json> Json::find(std::string_view key) const {
  const auto& node = node_of(node_);
  if (!node.is_object()) return std::nullopt;
  const auto found = node.find(key);
  if (found == node.end() || found->is_null()) return std::nullopt;
  return child(&*found, key);
}

Result<Json> Json::at(std::string_view key) const {
  const auto& node = node_of(node_);
  if (!node.is_object()) return invalid(fmt::format("expected an object, found {}", kind_name(node)));
  const auto found = node.find(key);
  if (found == node.end()) return invalid(fmt::format("the required key \"{}\" is missing", key));
  return child(&*found, key);
}

Result<std::vector<Json>> Json::items() const {
  const auto& node = node_of(node_);
  if (!node.is_array()) return invalid(fmt::format("expected an array, found {}", kind_name(node)));
  std::vector<Json> items;
  items.reserve(node.size());
  for (std::size_t i = 0; i < node.size(); ++i) items.push_back(child(&node[i], std::to_string(i)));
  return items;
}

Result<std::vector<std::pair<std::string, Json>>> Json::members() const {
  const auto& node = node_of(node_);
  if (!node.is_object()) return invalid(fmt::format("expected an object, found {}", kind_name(node)));
  std::vector<std::pair<std::string, Json>> members;
  members.reserve(node.size());
  for (const auto& [key, value] : node.items()) members.emplace_back(key, child(&value, key));
  return members;
}

Result<std::vector<std::pair<std::string, std::int64_t>>> Json::integer_members() const {
  const auto& node = node_of(node_);
  if (!node.is_object()) return invalid(fmt::format("expected an object, found {}", kind_name(node)));
  std::vector<std::pair<std::string, std::int64_t>> members;
  members.reserve(node.size());
  for (auto it = node.begin(); it != node.end(); ++it) {
    if (!it->is_number_integer()) return child(&*it, it.key()).as_integer().map([&](auto) { return members; });
    members.emplace_back(it.key(), it->get<std::int64_t>());
  }
  return members;
}

Result<std::string> Json::as_string() const {
  const auto& node = node_of(node_);
  if (!node.is_string()) return invalid(fmt::format("expected a string, found {}", kind_name(node)));
  return node.get<std::string>();
}

Result<std::int64_t> Json::as_integer() const {
  const auto& node = node_of(node_);
  if (!node.is_number_integer() || (node.is_number_unsigned() && node.get<std::uint64_t>() > INT64_MAX)) {
    return invalid(fmt::format("expected an integer, found {}", kind_name(node)));
  }
  return node.get<std::int64_t>();
}

Result<double> Json::as_number() const {
  const auto& node = node_of(node_);
  if (!node.is_number()) return invalid(fmt::format("expected a number, found {}", kind_name(node)));
  return node.get<double>();
}

Result<bool> Json::as_boolean() const {
  const auto& node = node_of(node_);
  if (!node.is_boolean()) return invalid(fmt::format("expected true or false, found {}", kind_name(node)));
  return node.get<bool>();
}

Result<std::string> Json::string(std::string_view key) const {
  return at(key).and_then([](const Json& value) { return value.as_string(); });
}
Result<std::int64_t> Json::integer(std::string_view key) const {
  return at(key).and_then([](const Json& value) { return value.as_integer(); });
}
Result<double> Json::number(std::string_view key) const {
  return at(key).and_then([](const Json& value) { return value.as_number(); });
}
Result<bool> Json::boolean(std::string_view key) const {
  return at(key).and_then([](const Json& value) { return value.as_boolean(); });
}
Result<std::string> Json::string_or(std::string_view key, std::string fallback) const {
  const auto value = find(key);
  return value ? value->as_string() : Result<std::string>(std::move(fallback));
}
Result<std::int64_t> Json::integer_or(std::string_view key, std::int64_t fallback) const {
  const auto value = find(key);
  return value ? value->as_integer() : Result<std::int64_t>(fallback);
}
Result<double> Json::number_or(std::string_view key, double fallback) const {
  const auto value = find(key);
  return value ? value->as_number() : Result<double>(fallback);
}
Result<bool> Json::boolean_or(std::string_view key, bool fallback) const {
  const auto value = find(key);
  return value ? value->as_boolean() : Result<bool>(fallback);
}

std::string Json::where() const {
  return path_.empty() ? document_->source : fmt::format("{}: {}", document_->source, path_);
}

tl::unexpected<Error> Json::invalid(std::string what, std::string hint) const {
  return fail(ErrorCode::kInvalidData, where(), std::move(what), std::move(hint));
}

std::string Json::dump() const { return node_of(node_).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

void append_json_string(std::string& out, std::string_view text) {
  constexpr char kFirstPrintable = 0x20;
  const auto is_plain = [](char c) { return c != '"' && c != '\\' && (c < 0 || c >= kFirstPrintable); };
  out += '"';
  while (!text.empty()) {
    const auto special = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto plain = static_cast<std::size_t>(special - text.begin());
    out.append(text.substr(0, plain));
    if (plain == text.size()) break;
    switch (const char c = text[plain]) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    }
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShownBytes = 100;
  std::string out;
  if (text.size() <= kShownBytes) {
    append_json_string(out, text);
    return out;
  }
  std::size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  append_json_string(out, std::string(text.substr(0, cut)) + "...");
  return out;
}

void append_json_float(std::string& out, float value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

}  // namespace valence
