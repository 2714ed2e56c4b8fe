#include "valence/data/redaction.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

std::string redacted(std::string text) {
  PersonalDataKinds all{};
  all.fill(true);
  redact(text, all);
  return text;
}

TEST(Redaction, Emails) {
  EXPECT_EQ(redacted("write to Anna.B-c+x@mail.example.co.uk."), "write to [EMAIL].");
  EXPECT_EQ(redacted("a@b is none, nor a@b.1"), "a@b is none, nor a@b.1");
}

TEST(Redaction, HandlesAndUrls) {
  EXPECT_EQ(redacted("@united thanks .@Jet_Blue see https://t.co/x?y=1. or www.example.com/a, ok"),
            "@user thanks .@user see http. or http, ok");
  EXPECT_EQ(redacted("5 @ 3, file://x, wow...nice"), "5 @ 3, file://x, wow...nice");
}

TEST(Redaction, CardsNeedLuhn) {
  EXPECT_EQ(redacted("card 4111 1111 1111 1111 please"), "card [CARD] please");
  EXPECT_EQ(redacted("5500-0000-0000-0004"), "[CARD]");
  EXPECT_EQ(redacted("4111 1111 1111 1112"), "4111 1111 1111 1112");
}

TEST(Redaction, IbansNeedCountryLengthAndChecksum) {
  // The examples of the IBAN registry.
  EXPECT_EQ(redacted("pay GB82 WEST 1234 5698 7654 32 now"), "pay [IBAN] now");
  EXPECT_EQ(redacted("DE89370400440532013000"), "[IBAN]");
  EXPECT_EQ(redacted("NO9386011117947"), "[IBAN]");
  EXPECT_EQ(redacted("GB83 WEST 1234 5698 7654 32"), "GB83 WEST 1234 5698 7654 32");
}

TEST(Redaction, IpAddresses) {
  EXPECT_EQ(redacted("from 192.168.0.1, 10.0.0.1:8080 and 2001:db8::1."), "from [IP], [IP]:8080 and [IP].");
  EXPECT_EQ(redacted("version 1.2.3, 300.1.1.1, at 12:30:45, std::cout"),
            "version 1.2.3, 300.1.1.1, at 12:30:45, std::cout");
}

TEST(Redaction, PhoneNumbers) {
  EXPECT_EQ(redacted("call +49 (0)30 123456 or (555) 123-4567, 555-123-4567, 01 23 45 67 89, 2125551234"),
            "call [PHONE] or [PHONE], [PHONE], [PHONE], [PHONE]");
  EXPECT_EQ(redacted("on 2015-02-24 11:35, 24-02-2015 11.35, $1,200 for 3 of 1000 in 2015"),
            "on 2015-02-24 11:35, 24-02-2015 11.35, $1,200 for 3 of 1000 in 2015");
}

TEST(Redaction, OnlyWhatIsWantedGoes) {
  PersonalDataKinds emails{};
  emails[static_cast<std::size_t>(PersonalData::kEmail)] = true;
  std::string text = "@ann a@b.org +49 30 1234567";
  const RedactionCounts counts = redact(text, emails);
  EXPECT_EQ(text, "@ann [EMAIL] +49 30 1234567");
  EXPECT_EQ(counts[static_cast<std::size_t>(PersonalData::kEmail)], 1U);
  EXPECT_EQ(counts[static_cast<std::size_t>(PersonalData::kHandle)], 0U);
}

TEST(Redaction, RedactedTextStaysAsItIs) {
  const std::string once = redacted("@ann http://a.b +49 30 1234567");
  EXPECT_EQ(redacted(once), once);
}

}  // namespace
}  // namespace valence::data
