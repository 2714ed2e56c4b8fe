/// \file
/// What `valence serve` would find on this machine.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <map>

#include "valence/base/descriptor.h"
#include "valence/base/file.h"
#include "valence/base/time_text.h"
#include "valence/cli/config_check.h"
#include "valence/cli/diagnosis.h"
#include "valence/cli/history_options.h"
#include "valence/cli/program.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/cli/serve_history.h"
#include "valence/cli/settings.h"
#include "valence/cli/terminal.h"
#include "valence/cli/toml_text.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

using Words = std::map<std::string, std::string>;

/// The first words of the settings of `serve`; none where a file is broken, which is told as a problem of its own.
Words serve_settings(const std::vector<fs::path>& files) {
  const Program program;
  Words words;
  for (const OptionSection& section : option_sections(*program.app)) {
    if (section.name != "serve") continue;
    const auto settings = effective_settings(*section.app, files, program.config_tables());
    if (!settings) continue;
    for (const EffectiveSetting& setting : *settings) {
      if (!setting.words.empty()) words[setting.entry.key] = setting.words.front();
    }
  }
  return words;
}

Section look_at_settings(const std::vector<fs::path>& files, std::vector<Error>& problems) {
  Section section{"settings", {}};
  std::uint64_t mistakes = 0;
  for (const fs::path& file : files) {
    for (const Error& mistake : config_mistakes(file)) {
      ++mistakes;
      problems.push_back(mistake);
    }
  }
  section.facts.push_back({"files", std::uint64_t{files.size()}, "", ""});
  section.facts.push_back({"mistakes", mistakes, "files",
                           files.empty() ? "none: all is at its default (valence config init writes one)"
                                         : fmt::format("{}, {} mistakes", files.size(), mistakes)});
  return section;
}

/// Whether a server could listen there now. What stands in the way may be valence itself.
Section look_at_port(const Words& words) {
  Section section{"server", {}};
  const std::string word = words.contains("port") ? words.at("port") : "";
  std::uint16_t port = 0;
  std::from_chars(word.data(), word.data() + word.size(), port);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Descriptor descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(descriptor.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const bool free = ::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  section.facts = {{"port", std::uint64_t{port}, "port",
                    fmt::format("{} of 127.0.0.1: {}", port, free ? "free" : "taken (by a valence serve that runs?)")},
                   {"port_free", free, "", ""}};
  return section;
}

Section look_at_history(const Words& words, std::vector<Error>& problems) {
  Section section{"history", {}};
  const auto place = history_place(words.contains("history-db") ? words.at("history-db") : "");
  if (!place) {
    section.facts = {{"place", std::string(), "place", "no home directory"}, {"exists", false, "", ""}};
    return section;
  }
  std::error_code ignored;
  const std::string shown = without_password(*place);
  const bool is_address = place->starts_with("postgres");
  if (!is_address && !fs::exists(*place, ignored)) {
    section.facts = {{"place", shown, "place", shown + " (none yet)"}, {"exists", false, "", ""}};
    return section;
  }
  section.facts = {{"place", shown, "place", shown}, {"exists", true, "", ""}};
  auto store = open_history_at(*place, store::HistoryAccess::kRead);
  const auto stats = store ? (*store)->stats() : Result<store::HistoryStats>(fail(store.error()));
  if (!stats) {
    problems.push_back(stats.error().in("history"));
    return section;
  }
  section.facts.push_back({"records", stats->records, "records",
                           stats->newest_ms ? fmt::format("{}, the newest of {}", with_thousands(stats->records),
                                                          utc_text(*stats->newest_ms))
                                            : with_thousands(stats->records)});
  section.facts.push_back({"texts", stats->texts, "with their text", with_thousands(stats->texts)});
  section.facts.push_back({"size_bytes", stats->size_bytes, "size", file_size(stats->size_bytes)});
  section.facts.push_back({"schema_version", static_cast<std::uint64_t>(stats->schema_version), "schema",
                           fmt::format("{} {}", stats->backend, stats->schema_version)});
  return section;
}

/// Records on their way: what waits, and what was set aside because its disk had changed it.
Section look_at_spool(const Words& words, std::vector<Error>& problems) {
  Section section{"spool", {}};
  std::vector<fs::path> directories;
  std::string parent;
  std::error_code ignored;
  if (words.contains("spool-dir")) {
    directories.emplace_back(words.at("spool-dir"));
    parent = words.at("spool-dir");
  } else if (const auto usual = usual_spool_parent()) {
    parent = usual->string();
    for (const auto& entry : fs::directory_iterator(*usual, ignored)) {
      if (entry.path().filename().string().starts_with("spool")) directories.push_back(entry.path());
    }
  }
  std::uint64_t bytes = 0;
  std::uint64_t damaged = 0;
  for (const fs::path& directory : directories) {
    for (const auto& entry : fs::directory_iterator(directory, ignored)) {
      if (!entry.is_regular_file(ignored)) continue;
      if (entry.path().extension() == ".damaged") {
        ++damaged;
        problems.emplace_back(ErrorCode::kIo, entry.path().string(), "holds records that the disk has damaged",
                              "what is whole in it is in the history; remove it when it is no longer wanted");
      } else {
        bytes += entry.file_size(ignored);
      }
    }
  }
  section.facts = {{"directory", parent, "directory", parent.empty() ? "no home directory" : parent},
                   {"bytes", bytes, "on the way", file_size(bytes)},
                   {"damaged_segments", damaged, "", ""}};
  return section;
}

}  // namespace

std::vector<Section> look_at_service(std::vector<Error>& problems) {
  const auto files = config_files("").value_or(std::vector<fs::path>());
  const Words words = serve_settings(files);
  std::vector<Section> sections;
  sections.push_back(look_at_settings(files, problems));
  sections.push_back(look_at_port(words));
  sections.push_back(look_at_history(words, problems));
  sections.push_back(look_at_spool(words, problems));
  return sections;
}

}  // namespace valence::cli
