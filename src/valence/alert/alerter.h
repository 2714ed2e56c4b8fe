/// \file
/// Alerts of a running program: takes classified records, judges them on a thread of its own, remembers what it said,
/// and has it brought to the receivers. Classifying never waits for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "valence/alert/alert_book.h"
#include "valence/alert/courier.h"
#include "valence/alert/receiver.h"
#include "valence/alert/state_journal.h"
#include "valence/base/clock.h"
#include "valence/pipeline/alert_board.h"
#include "valence/pipeline/classified_record.h"

namespace valence::alert {

/// Everything that configuration says of alerts.
struct AlertSettings {
  std::vector<Rule> rules;
  std::vector<Receiver> receivers;
  GroupTiming timing;
  std::filesystem::path state_file;
};

/// Rules one by one and together: unique names, receivers that exist. Errors are kInvalidArgument.
Status check_settings(const AlertSettings& settings);

/// How messages ended, for the metric valence_alerts_total{rule,outcome}.
struct AlertTotals {
  std::string rule;
  std::uint64_t sent = 0;
  std::uint64_t suppressed = 0;  ///< fired without being told: silenced, or over before it was due
  std::uint64_t failed = 0;
};

inline constexpr std::size_t kMaxWaitingTexts = 100'000;

class Alerter final : public pipeline::RecordSink, public pipeline::AlertBoard {
 public:
  struct Options {
    AlertSettings settings;
    const Clock& clock;  ///< must outlive the alerter
    /// One line for the log, from any of its threads: receivers that fail, a journal that cannot be written.
    std::function<void(const std::string&)> log = {};
    /// In place of make_http_sender, for tests.
    std::function<std::unique_ptr<Sender>(const Receiver&)> make_sender = {};
  };
  /// Takes up what the state file says, so that a firing alert is neither forgotten nor told again, and sends what was
  /// about to be sent, under its old id. Errors: check_settings, the state file.
  static Result<std::unique_ptr<Alerter>> start(Options options);
  ~Alerter() override;

  /// "Taken" is in memory. kOverloaded when kMaxWaitingTexts wait already.
  [[nodiscard]] Status write(std::span<const pipeline::ClassifiedRecord> records) override;

  [[nodiscard]] std::vector<pipeline::AlertState> states() const override;
  [[nodiscard]] std::vector<pipeline::Silence> silences() const override;
  [[nodiscard]] Result<pipeline::Silence> silence(pipeline::Silence silence) override;
  [[nodiscard]] Status unsilence(const std::string& id) override;

  [[nodiscard]] std::vector<AlertTotals> totals() const;
  /// Texts that write() refused.
  [[nodiscard]] std::uint64_t refused_texts() const { return refused_texts_.load(); }
  /// Names of receivers that are no more, and why.
  [[nodiscard]] std::map<std::string, std::string> disabled_receivers() const;

  /// Returns when everything written so far has been judged and remembered.
  void settle();
  /// Judges what is waiting, then ends the threads. Messages that were not delivered are sent by the next start.
  void stop();

 private:
  struct WaitingText {
    std::string stream;
    std::string channel;
    std::string label;
    std::string text;
  };

  Alerter(Options options, StateJournal journal);
  Status restore();
  void make_couriers();
  void run();
  void work(std::vector<WaitingText> texts);
  void save(std::vector<StateJournal::Entry> entries);
  void take_over_foreign_changes();
  void on_done(const OutboundMessage& message, const Delivery& delivery);
  /// Hands on a message that is in the journal, or marks it failed where it has no courier.
  void hand_on(OutboundMessage message);
  void forget_old_notifications(std::vector<StateJournal::Entry>& entries) const;
  [[nodiscard]] std::int64_t now_ms() const;
  void log(const std::string& line) const;

  Options options_;
  Clock::TimePoint begin_;
  std::int64_t begin_ms_;
  bool keeps_texts_ = false;    // some rule quotes examples
  bool journal_texts_ = false;  // the journal may hold some, of this run or of an earlier one
  std::atomic<bool> stop_requests_ = false;

  mutable std::mutex waiting_mutex_;
  std::condition_variable waiting_changed_;
  std::vector<WaitingText> waiting_;
  bool busy_ = false;
  bool stopping_ = false;
  std::atomic<std::uint64_t> refused_texts_ = 0;

  mutable std::mutex book_mutex_;
  std::unique_ptr<AlertBook> book_;
  std::map<std::string, AlertTotals> totals_;
  std::map<std::string, std::string> disabled_;

  mutable std::mutex journal_mutex_;  // never held while book_mutex_ is asked for
  StateJournal journal_;
  std::vector<StateJournal::Entry> unsaved_;  // what a full disk refused

  std::map<std::string, std::unique_ptr<Courier>> couriers_;
  std::vector<OutboundMessage> unfinished_;  // of an earlier run
  std::thread thread_;
};

}  // namespace valence::alert
