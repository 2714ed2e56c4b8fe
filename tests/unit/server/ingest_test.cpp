#include "valence/server/ingest.h"

#include <gtest/gtest.h>

namespace valence::server {
namespace {

// HMAC-SHA256 with the key "key" of this sentence, as Wikipedia's article on HMAC gives it.
constexpr const char* kBody = "The quick brown fox jumps over the lazy dog";
constexpr const char* kSignature = "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
constexpr std::int64_t kNow = 1'700'000'000'000;

TEST(SignatureCheck, TakesARightSignatureOnce) {
  SignatureCheck check{Secret("key")};
  EXPECT_FALSE(check.refuse(kSignature, "", kBody, kNow));
  EXPECT_TRUE(check.refuse(kSignature, "", kBody, kNow + 1000));
}

TEST(SignatureCheck, WhatWasNotTakenMayComeAgain) {
  SignatureCheck check{Secret("key")};
  EXPECT_FALSE(check.refuse(kSignature, "", kBody, kNow));
  check.forget(kSignature);
  EXPECT_FALSE(check.refuse(kSignature, "", kBody, kNow + 1000));
  EXPECT_TRUE(check.refuse(kSignature, "", kBody, kNow + 2000));
  // The time of the first attempt, which is remembered no longer, is not that of the second.
  const std::int64_t remembered = std::chrono::milliseconds(SignatureCheck::kRemembered).count();
  EXPECT_TRUE(check.refuse(kSignature, "", kBody, kNow + remembered + 500));
  EXPECT_FALSE(check.refuse(kSignature, "", kBody, kNow + remembered + 1500));
}

TEST(SignatureCheck, RefusesWhatIsMissingWrongOrForAnotherBody) {
  SignatureCheck check{Secret("key")};
  EXPECT_TRUE(check.refuse("", "", kBody, kNow));
  EXPECT_TRUE(check.refuse(std::string_view(kSignature).substr(7), "", kBody, kNow));
  EXPECT_TRUE(check.refuse("sha256=", "", kBody, kNow));
  EXPECT_TRUE(check.refuse(kSignature, "", "another body", kNow));
  EXPECT_TRUE(SignatureCheck(Secret("other")).refuse(kSignature, "", kBody, kNow));
}

TEST(SignatureCheck, ATimestampIsPartOfWhatIsSigned) {
  SignatureCheck check{Secret("key")};
  EXPECT_TRUE(check.refuse(kSignature, "1700000000", kBody, kNow));
}

TEST(ValueAt, FollowsMembersAndIndices) {
  const auto json = Json::parse(R"({"data": {"reviews": [{"body": "first"}, {"body": "second"}]}})", "test");
  ASSERT_TRUE(json);
  const auto found = value_at(*json, "data.reviews.1.body");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found->as_string(), "second");
  EXPECT_FALSE(value_at(*json, "data.reviews.2.body"));
  EXPECT_FALSE(value_at(*json, "data.reviews.-1.body"));
  EXPECT_FALSE(value_at(*json, "data.nothing"));
}

}  // namespace
}  // namespace valence::server
