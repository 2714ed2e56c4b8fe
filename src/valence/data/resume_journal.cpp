#include "valence/data/resume_journal.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/data/byte_source.h"

namespace valence::data {
namespace {

constexpr std::int64_t kJournalVersion = 1;
constexpr std::string_view kSameRunHint =
    "give the same inputs and options, or leave out --resume to start from the beginning";

/// A path may hold any bytes, JSON may not: those that are no UTF-8 are spelled out. Only equality matters.
std::string as_json_text(std::string_view path) {
  if (!find_invalid_utf8(path)) return std::string(path);
  std::string spelled;
  for (const char c : path) {
    if (static_cast<signed char>(c) < 0) {
      fmt::format_to(std::back_inserter(spelled), "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      spelled += c;
    }
  }
  return spelled;
}

std::uint32_t checksum(std::string_view text) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

template <class Integer>
std::optional<Integer> take_number(std::string_view& text, int base) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return value;
}

std::optional<Checkpoint> parse_line(std::string_view line) {
  const auto before_checksum = line.substr(0, line.rfind(' '));
  const auto bytes = take_number<std::uint64_t>(line, 10);
  const auto records = bytes ? take_number<std::uint64_t>(line, 10) : std::nullopt;
  const auto expected = records ? take_number<std::uint32_t>(line, 16) : std::nullopt;
  if (!expected || !line.empty() || *expected != checksum(before_checksum)) return std::nullopt;
  return Checkpoint{.output_bytes = *bytes, .input_records = *records};
}

Result<RunIdentity> parse_run(const Json& header) {
  RunIdentity run;
  VALENCE_TRY(const auto version, header.integer("valence_partial"));
  if (version != kJournalVersion) {
    return header.invalid(
        fmt::format("written by another version of valence (its form is {}, ours {})", version, kJournalVersion),
        "leave out --resume to start from the beginning");
  }
  VALENCE_TRY(const Json inputs, header.at("inputs"));
  VALENCE_TRY(const auto input_items, inputs.items());
  for (const Json& item : input_items) {
    InputIdentity input;
    VALENCE_TRY(input.path, item.string("path"));
    VALENCE_TRY(const auto size_bytes, item.integer("size_bytes"));
    VALENCE_TRY(input.modified_ns, item.integer("modified_ns"));
    input.size_bytes = static_cast<std::uint64_t>(size_bytes);
    run.inputs.push_back(std::move(input));
  }
  VALENCE_TRY(const Json settings, header.at("settings"));
  VALENCE_TRY(const auto setting_items, settings.items());
  for (const Json& item : setting_items) {
    VALENCE_TRY(auto name, item.string("name"));
    VALENCE_TRY(auto value, item.string("value"));
    run.settings.emplace_back(std::move(name), std::move(value));
  }
  return run;
}

std::optional<std::string> setting_of(const RunIdentity& run, const std::string& name) {
  for (const auto& [known, value] : run.settings) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace

Result<InputIdentity> identify_input(const std::string& path) {
  struct stat info {};
  const bool is_standard_input = path == "-";
  if (!is_standard_input && ::stat(path.c_str(), &info) != 0) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, path, system_error_text(errno));
  }
  if (is_standard_input || !S_ISREG(info.st_mode)) {
    return fail(ErrorCode::kInvalidArgument, shown_name(path),
                "is no regular file, so a run over it cannot be resumed");
  }
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  return InputIdentity{.path = as_json_text(path),
                       .size_bytes = static_cast<std::uint64_t>(info.st_size),
                       .modified_ns = info.st_mtim.tv_sec * kNsPerSecond + info.st_mtim.tv_nsec};
}

Status check_same_run(const RunIdentity& before, const RunIdentity& now, const std::string& where) {
  const auto refuse = [&](std::string difference) {
    return fail(ErrorCode::kInvalidArgument, where, fmt::format("cannot be resumed: {}", difference),
                std::string(kSameRunHint));
  };
  if (before.inputs.size() != now.inputs.size()) {
    return refuse(fmt::format("it was made from {} inputs, not {}", before.inputs.size(), now.inputs.size()));
  }
  for (std::size_t i = 0; i < now.inputs.size(); ++i) {
    const auto& old_input = before.inputs[i];
    if (old_input.path != now.inputs[i].path) {
      return refuse(fmt::format("its input {} was {}, not {}", i + 1, old_input.path, now.inputs[i].path));
    }
    if (old_input != now.inputs[i]) return refuse(fmt::format("{} has changed since", old_input.path));
  }
  for (const auto& [name, value] : now.settings) {
    const auto old_value = setting_of(before, name);
    if (old_value != value) {
      return refuse(fmt::format("it was made with {} {}, not {}", name, old_value.value_or("unset"), value));
    }
  }
  for (const auto& [name, value] : before.settings) {
    if (!setting_of(now, name)) return refuse(fmt::format("it was made with {} {}, now unset", name, value));
  }
  return {};
}

Result<JournalContent> parse_journal(std::string_view text, const std::string& where) {
  const auto header_end = text.find('\n');
  if (header_end == std::string_view::npos) {
    return fail(ErrorCode::kInvalidData, where, "is incomplete", "leave out --resume to start from the beginning");
  }
  VALENCE_TRY(const Json header, Json::parse(text.substr(0, header_end), where));
  JournalContent content;
  VALENCE_TRY(content.run, parse_run(header));
  content.header_bytes = header_end + 1;
  std::size_t at = content.header_bytes;
  for (auto end = text.find('\n', at); end != std::string_view::npos; end = text.find('\n', at)) {
    const auto checkpoint = parse_line(text.substr(at, end - at));
    if (!checkpoint) break;
    at = end + 1;
    content.checkpoints.emplace_back(*checkpoint, at);
  }
  return content;
}

std::string journal_header(const RunIdentity& run) {
  std::string out = fmt::format("{{\"valence_partial\": {}, \"inputs\": [", kJournalVersion);
  for (const auto& input : run.inputs) {
    out += out.back() == '[' ? "{\"path\": " : ", {\"path\": ";
    append_json_string(out, input.path);
    fmt::format_to(std::back_inserter(out), ", \"size_bytes\": {}, \"modified_ns\": {}}}", input.size_bytes,
                   input.modified_ns);
  }
  out += "], \"settings\": [";
  for (const auto& [name, value] : run.settings) {
    out += out.back() == '[' ? "{\"name\": " : ", {\"name\": ";
    append_json_string(out, name);
    out += ", \"value\": ";
    append_json_string(out, as_json_text(value));
    out += '}';
  }
  out += "]}\n";
  return out;
}

std::string journal_line(const Checkpoint& checkpoint) {
  std::string line = fmt::format("{} {}", checkpoint.output_bytes, checkpoint.input_records);
  line += fmt::format(" {:08x}\n", checksum(line));
  return line;
}

}  // namespace valence::data
