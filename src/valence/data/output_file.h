/// \file
/// `-o FILE`: nothing appears under its final name before it is whole, and a killed run can be continued.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/data/output_sink.h"
#include "valence/data/resume_journal.h"

namespace valence::data {

struct OutputFileOptions {
  /// Present: a journal is kept, so that the run can be resumed. Needs inputs that can be read again.
  std::optional<RunIdentity> run = std::nullopt;
  /// Go on from FILE.partial if there is one; needs `run`. Without FILE.partial the run starts at the beginning.
  bool resume = false;
  const std::atomic<bool>* stop = nullptr;       ///< ends a wait for a FIFO's reader; must outlive the file
  Compression compression = Compression::kNone;  ///< not with `run`: a cut stream cannot be gone on with
};

/// A regular or new file is written to `FILE.partial` and renamed by commit(); of a symlink, beside and to its target.
/// A device, FIFO or socket, and "-" (standard output), is written directly. The destructor leaves an uncommitted
/// `FILE.partial` as it is, in whole records unless it is compressed. Two programs cannot write one `FILE.partial` at a
/// time.
class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> open(const std::string& path, const OutputFileOptions& options);

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  [[nodiscard]] OutputSink& sink() { return *sink_; }

  /// Input records whose results the output already holds: skip as many. 0 for a fresh run.
  [[nodiscard]] std::uint64_t resumed_records() const { return resumed_.input_records; }
  /// The output already holds rows: WriterOptions::appending.
  [[nodiscard]] bool appending() const { return resumed_.output_bytes > 0; }

  enum class Note { kWhenDue, kAlways };
  /// Flushes, and notes in the journal (if one is kept) that everything the first `input_records` records gave has been
  /// written: all inputs and resumed records counted. Cheap enough for every window: the journal gets a line when 256
  /// KB or a second lie behind the last one, or with kAlways, which is for a run that ends early.
  Status checkpoint(std::uint64_t input_records, Note note = Note::kWhenDue);

  /// Flushes; of a regular file also to the disk, then gives it its final name and removes the journal.
  Status commit();

  /// Whether an unfinished run can be continued, and the input records that the last note in the journal speaks of.
  [[nodiscard]] bool resumable() const { return journal_fd_ >= 0; }
  [[nodiscard]] std::uint64_t noted_records() const { return noted_records_; }

  /// Where an unfinished output lies, to be told to the user; nothing when written directly.
  [[nodiscard]] const std::optional<std::filesystem::path>& partial_path() const { return partial_path_; }

 private:
  OutputFile() = default;
  Status open_partial(std::filesystem::path target, const OutputFileOptions& options);
  Status open_direct(const std::string& path, const OutputFileOptions& options);
  Status lock_partial();
  Status start_journal(const RunIdentity& run);
  Status continue_journal(const RunIdentity& run);
  [[nodiscard]] tl::unexpected<Error> fail_on(const std::filesystem::path& path, std::string_view what) const;

  int fd_ = -1;
  int journal_fd_ = -1;
  std::filesystem::path target_;
  std::optional<std::filesystem::path> partial_path_;
  std::filesystem::path journal_path_;
  std::unique_ptr<OutputSink> sink_;
  Checkpoint resumed_;
  std::uint64_t noted_bytes_ = 0;
  std::uint64_t noted_records_ = 0;
  std::chrono::steady_clock::time_point noted_at_;
  bool is_committed_ = false;
  bool is_compressed_ = false;
};

/// True when `-o path` would start over a `FILE.partial` that an earlier run left: worth a warning.
[[nodiscard]] bool has_partial(const std::string& path);

}  // namespace valence::data
