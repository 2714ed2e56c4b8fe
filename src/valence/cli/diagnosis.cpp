#include "valence/cli/diagnosis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "valence/base/error.h"
#include "valence/base/thread_pool.h"
#include "valence/bench/machine.h"
#include "valence/classifier.h"
#include "valence/cli/config_file.h"
#include "valence/cli/quantities.h"
#include "valence/kernels/amx_permission.h"
#include "valence/kernels/cpu_identity.h"
#include "valence/kernels/cpuid.h"
#include "valence/kernels/dispatch.h"
#include "valence/kernels/encoder_kernels.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

Fact text_fact(std::string key, std::string label, std::string text) {
  std::string value = text;
  return {std::move(key), std::move(value), std::move(label), std::move(text)};
}

std::string saved_states_text(std::uint64_t states) {
  std::vector<std::string_view> names;
  const std::pair<std::uint64_t, std::string_view> kStates[] = {
      {kernels::kYmmStates, "AVX"}, {kernels::kZmmStates, "AVX-512"}, {kernels::kTileStates, "AMX tiles"}};
  for (const auto& [bits, name] : kStates) {
    if ((states & bits) == bits) names.push_back(name);
  }
  return fmt::format("XCR0 {:#x}: {}", states, names.empty() ? "SSE only" : fmt::format("{}", fmt::join(names, ", ")));
}

std::string amx_text() {
  const kernels::AmxPermission& permission = kernels::amx_permission();
  switch (permission.answer) {
    case kernels::AmxAnswer::kNoTiles:
      return "no tiles: the processor has none, or the operating system or hypervisor hides them";
    case kernels::AmxAnswer::kGranted:
      return "asked of the operating system and granted";
    case kernels::AmxAnswer::kRefused:
      return fmt::format("asked of the operating system and refused: {}", system_error_text(permission.error));
  }
  return "";
}

std::string_view amx_key() {
  switch (kernels::amx_permission().answer) {
    case kernels::AmxAnswer::kNoTiles:
      return "no_tiles";
    case kernels::AmxAnswer::kGranted:
      return "granted";
    case kernels::AmxAnswer::kRefused:
      return "refused";
  }
  return "";
}

Section look_at_processor() {
  const kernels::CpuIdentity cpu = kernels::identify_cpu();
  std::vector<std::string_view> found;
  std::vector<std::string_view> unsaved;
  std::vector<std::string_view> missing;
  for (const kernels::CpuFlag& flag : kernels::cpu_flags()) {
    (flag.usable ? found : flag.in_cpu ? unsaved : missing).push_back(flag.name);
  }
  const std::uint64_t states = kernels::saved_register_states();
  Section section{"processor", {}};
  section.facts = {
      text_fact("brand", "model", cpu.brand),
      text_fact("micro_architecture", "core",
                cpu.micro_architecture.empty() ? "unknown to valence" : std::string(cpu.micro_architecture)),
      {"vendor", cpu.vendor, "identity",
       fmt::format("{}, family {}, model {}, stepping {}", cpu.vendor, cpu.family, cpu.model, cpu.stepping)},
      {"family", std::uint64_t{cpu.family}, "", ""},
      {"model", std::uint64_t{cpu.model}, "", ""},
      {"stepping", std::uint64_t{cpu.stepping}, "", ""},
      text_fact("flags", "has", fmt::format("{}", fmt::join(found, " "))),
      text_fact("missing_flags", "lacks", fmt::format("{}", fmt::join(missing, " "))),
      {"xcr0", fmt::format("{:#x}", states), "registers saved", saved_states_text(states)},
      {"amx_permission", std::string(amx_key()), "AMX", amx_text()},
  };
  if (!unsaved.empty()) {
    section.facts.push_back(
        text_fact("unusable_flags", "has, but unusable",
                  fmt::format("{}: the operating system does not save the registers", fmt::join(unsaved, " "))));
  }
  return section;
}

/// Which instructions a reduced precision runs on, or why it runs in f32.
std::string precision_text(const kernels::KernelTable& table, Precision precision) {
  const kernels::EncoderKernels* const reduced = kernels::encoder_kernels(table, precision);
  if (reduced != nullptr) return reduced->path;
  return fmt::format("runs in fp32: no kernels for it on {} that are faster", kernels::name(table.isa));
}

std::string bf16_dot_text() {
  const kernels::CpuIdentity cpu = kernels::identify_cpu();
  switch (kernels::bf16_dot_speed(cpu)) {
    case kernels::Bf16DotSpeed::kAbsent:
      return "not there";
    case kernels::Bf16DotSpeed::kTwice:
      return fmt::format("worth using: twice the rate of f32 on {}", cpu.micro_architecture);
    case kernels::Bf16DotSpeed::kHalf:
      return fmt::format("not used: half the rate of f32 on {}", cpu.micro_architecture);
    case kernels::Bf16DotSpeed::kUnknown:
      return "not used: its speed on this core is not known (valence bench measures it)";
  }
  return "";
}

Section look_at_kernels(Diagnosis& diagnosis) {
  const char* const forced = std::getenv("VALENCE_ISA");
  const bool is_forced = forced != nullptr && *forced != '\0';
  std::vector<std::string_view> runnable;
  for (const kernels::Isa isa : kernels::runnable_isas()) runnable.push_back(kernels::name(isa));
  Section section{"kernels", {}};
  section.facts = {{"valence_isa", std::string(is_forced ? forced : ""), "VALENCE_ISA",
                    is_forced ? fmt::format("{}", forced) : "not set: the best path runs"},
                   text_fact("runnable", "this CPU runs", fmt::format("{}", fmt::join(runnable, ", ")))};
  const auto& selected = kernels::selected_kernels();
  if (!selected) {
    section.facts.push_back({"isa", std::string(), "path", "none"});
    diagnosis.problems.push_back(selected.error());
    return section;
  }
  const kernels::KernelTable& table = **selected;
  section.facts.push_back({"isa", std::string(kernels::name(table.isa)), "path",
                           fmt::format("{}, {}", kernels::name(table.isa),
                                       is_forced ? "because VALENCE_ISA says so" : "the fastest that this CPU runs")});
  for (const Precision precision : {Precision::kInt8, Precision::kFp16, Precision::kBf16}) {
    const std::string key(name(precision));
    section.facts.push_back(text_fact(key, key, precision_text(table, precision)));
  }
  section.facts.push_back(text_fact("vdpbf16ps", "vdpbf16ps", bf16_dot_text()));
  return section;
}

Section look_at_machine() {
  const std::size_t cores = usable_cores();
  const std::size_t cpus = bench::usable_cpus();
  const bench::Memory memory = bench::memory();
  const std::string huge_pages = bench::transparent_huge_pages();
  std::string memory_text = fmt::format("{:.1f} GB, {:.1f} GB available", static_cast<double>(memory.total_bytes) / 1e9,
                                        static_cast<double>(memory.available_bytes) / 1e9);
  if (memory.limit_bytes) {
    memory_text += fmt::format("; this process may use {:.1f} GB", static_cast<double>(*memory.limit_bytes) / 1e9);
  }
  Section section{"machine", {}};
  section.facts = {{"cores", std::uint64_t{cores}, "cores",
                    fmt::format("{} that this process may use: as many compute threads by default", cores)},
                   {"logical_cpus", std::uint64_t{cpus}, "logical CPUs", std::to_string(cpus)},
                   {"memory_bytes", memory.total_bytes, "memory", memory_text},
                   {"memory_available_bytes", memory.available_bytes, "", ""}};
  if (memory.limit_bytes) section.facts.push_back({"memory_limit_bytes", *memory.limit_bytes, "", ""});
  for (const bench::Cache& cache : bench::data_caches()) {
    section.facts.push_back({fmt::format("l{}_bytes", cache.level), std::uint64_t{cache.size_bytes},
                             fmt::format("L{} cache", cache.level),
                             fmt::format("{}, of CPU {}", binary_size(cache.size_bytes), cache.shared_with)});
  }
  section.facts.push_back(
      text_fact("huge_pages", "huge pages", huge_pages.empty() ? "the system does not say" : huge_pages));
  return section;
}

Section look_at_model(Diagnosis& diagnosis) {
  using Clock = std::chrono::steady_clock;
  constexpr std::string_view kText = "I love it";
  constexpr std::string_view kLabel = "positive";
  Section section{"built_in_model", {}};
  const auto report = [&](bool works, std::string text) {
    section.facts.push_back({"works", works, "check", std::move(text)});
    return section;
  };
  if (!kernels::selected_kernels()) return report(false, "not run: there are no kernels to run it");
  const auto start = Clock::now();
  const auto classifier = Classifier::load_default({});
  const double load_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  if (!classifier) {
    diagnosis.problems.push_back(classifier.error());
    return report(false, "does not load");
  }
  const auto predictions = (*classifier)->classify(std::vector<std::string_view>{kText});
  if (!predictions.front()) {
    diagnosis.problems.push_back(predictions.front().error());
    return report(false, "does not run");
  }
  const std::string& label = (*classifier)->labels()[static_cast<std::size_t>(predictions.front()->label_id)];
  section.facts.push_back(text_fact("precision", "runs in", std::string(name((*classifier)->precision()))));
  if (label != kLabel) {
    diagnosis.problems.emplace_back(ErrorCode::kInternal, "built-in model",
                                    fmt::format("says {} of \"{}\", expected {}", label, kText, kLabel),
                                    "try VALENCE_ISA=portable, and please report this");
    return report(false, fmt::format("says {} of \"{}\"", label, kText));
  }
  return report(true, fmt::format("loads in {:.0f} ms and says {} of \"{}\"", load_ms, label, kText));
}

/// Where the Hugging Face tools keep downloads. Source: huggingface_hub, "Environment variables".
fs::path hub_cache() {
  if (const char* const cache = std::getenv("HF_HUB_CACHE"); cache != nullptr && *cache != '\0') return cache;
  if (const char* const home = std::getenv("HF_HOME"); home != nullptr && *home != '\0') return fs::path(home) / "hub";
  const fs::path below = fs::path("huggingface") / "hub";
  if (const char* const cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') return cache / below;
  const char* const home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? fs::path() : fs::path(home) / ".cache" / below;
}

Section look_at_files() {
  Section section{"files", {}};
  const auto add = [&](const char* key, const char* label, const fs::path& path) {
    std::error_code ignored;
    const bool there = !path.empty() && fs::exists(path, ignored);
    section.facts.push_back(
        {key, path.string(), label,
         path.empty() ? "no home directory" : fmt::format("{}{}", path.string(), there ? "" : " (not there)")});
    section.facts.push_back({std::string(key) + "_exists", there, "", ""});
  };
  const UsualConfigFiles config = usual_config_files();
  add("user_config", "user's settings", config.user);
  add("system_config", "system's settings", config.system);
  add("hub_cache", "Hugging Face cache", hub_cache());
  return section;
}

}  // namespace

Diagnosis diagnose() {
  Diagnosis diagnosis;
  diagnosis.sections.push_back(look_at_processor());
  diagnosis.sections.push_back(look_at_kernels(diagnosis));
  diagnosis.sections.push_back(look_at_machine());
  diagnosis.sections.push_back(look_at_model(diagnosis));
  diagnosis.sections.push_back(look_at_files());
  for (Section& section : look_at_service(diagnosis.problems)) diagnosis.sections.push_back(std::move(section));
  return diagnosis;
}

ExitCode exit_code_of(const Diagnosis& diagnosis) {
  return diagnosis.problems.empty() ? ExitCode::kOk : exit_code_for(diagnosis.problems.front().code());
}

}  // namespace valence::cli
