#include "valence/data/resume_journal.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace valence::data {
namespace {

RunIdentity a_run() {
  return {.inputs = {{.path = "a.csv", .size_bytes = 100, .modified_ns = 1'700'000'000'123'456'789},
                     {.path = "b \"x\".csv", .size_bytes = 0, .modified_ns = -1}},
          .settings = {{"--top-k", "1"}, {"--model", "caf\xC3\xA9"}}};
}

JournalContent parsed(std::string_view text) {
  auto content = parse_journal(text, "out.csv.partial.state");
  EXPECT_TRUE(content.has_value()) << content.error().to_string();
  return content ? std::move(*content) : JournalContent{};
}

TEST(ResumeJournal, WhatIsWrittenIsReadBack) {
  const std::string header = journal_header(a_run());
  const std::string lines = journal_line({.output_bytes = 10, .input_records = 3}) +
                            journal_line({.output_bytes = 1'000'000'000'000, .input_records = 7});
  const JournalContent content = parsed(header + lines);
  EXPECT_EQ(content.run.inputs, a_run().inputs);
  EXPECT_EQ(content.run.settings, a_run().settings);
  EXPECT_EQ(content.header_bytes, header.size());
  ASSERT_EQ(content.checkpoints.size(), 2U);
  EXPECT_EQ(content.checkpoints[1].first.output_bytes, 1'000'000'000'000U);
  EXPECT_EQ(content.checkpoints[1].first.input_records, 7U);
  EXPECT_EQ(content.checkpoints[1].second, header.size() + lines.size());
}

TEST(ResumeJournal, EveryTornLastLineIsIgnored) {
  const std::string whole = journal_header(a_run()) + journal_line({.output_bytes = 10, .input_records = 3});
  const std::string last = journal_line({.output_bytes = 2000, .input_records = 300});
  for (std::size_t size = 0; size < last.size(); ++size) {
    EXPECT_EQ(parsed(whole + last.substr(0, size)).checkpoints.size(), 1U) << size;
  }
}

TEST(ResumeJournal, DamagedLineEndsTheList) {
  const std::string header = journal_header(a_run());
  std::string line = journal_line({.output_bytes = 10, .input_records = 3});
  line[0] = '9';
  EXPECT_TRUE(parsed(header + line + journal_line({.output_bytes = 20, .input_records = 4})).checkpoints.empty());
  EXPECT_TRUE(parsed(header + std::string(50, '\0')).checkpoints.empty());
}

TEST(ResumeJournal, DamagedHeaderIsAnError) {
  EXPECT_FALSE(parse_journal("", "s").has_value());
  EXPECT_FALSE(parse_journal("{\"valence_partial\": 1", "s").has_value());
  EXPECT_FALSE(parse_journal("oops\n", "s").has_value());
  EXPECT_NE(parse_journal("{\"valence_partial\": 2}\n", "s").error().what().find("another version"), std::string::npos);
}

TEST(ResumeJournal, SameRunMayGoOn) { EXPECT_TRUE(check_same_run(a_run(), a_run(), "out.csv.partial").has_value()); }

TEST(ResumeJournal, ChangedRunIsRefusedWithTheDifference) {
  const auto difference = [](const RunIdentity& now) { return check_same_run(a_run(), now, "o").error().what(); };
  RunIdentity now = a_run();
  now.settings[0].second = "3";
  EXPECT_EQ(difference(now), "cannot be resumed: it was made with --top-k 1, not 3");
  now = a_run();
  now.settings.pop_back();
  EXPECT_EQ(difference(now), "cannot be resumed: it was made with --model café, now unset");
  now = a_run();
  now.settings.emplace_back("--labels", "a,b");
  EXPECT_EQ(difference(now), "cannot be resumed: it was made with --labels unset, not a,b");
  now = a_run();
  now.inputs[0].modified_ns += 1;
  EXPECT_EQ(difference(now), "cannot be resumed: a.csv has changed since");
  now = a_run();
  now.inputs[0].path = "c.csv";
  EXPECT_EQ(difference(now), "cannot be resumed: its input 1 was a.csv, not c.csv");
  now.inputs.pop_back();
  EXPECT_EQ(difference(now), "cannot be resumed: it was made from 2 inputs, not 1");
}

TEST(ResumeJournal, InputIsKnownByPathSizeAndTime) {
  const testing::TemporaryDirectory folder;
  const auto path = folder.write("a\xE9.csv", "12345");
  const auto input = identify_input(path.string());
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->size_bytes, 5U);
  EXPECT_NE(input->path.find("a\\xe9.csv"), std::string::npos) << "a name that is no UTF-8 is spelled out";
  EXPECT_EQ(parsed(journal_header({.inputs = {*input}, .settings = {}})).run.inputs[0], *input);
  EXPECT_EQ(identify_input((folder.path() / "none").string()).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(identify_input("/dev/null").error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace valence::data
