#include "valence/store/record_codec.h"

#include <gtest/gtest.h>

#include <limits>

namespace valence::store {
namespace {

pipeline::ClassifiedRecord record() {
  return {.id = "01J",
          .time_ms = 1'700'000'000'000,
          .stream = "reviews",
          .channel = "ios",
          .subject = "customer-1",
          .text = "Très bien",
          .label = "positive",
          .score = 0.75F,
          .scores = {{"negative", 0.25F}, {"positive", 0.75F}},
          .model = "default",
          .model_version = "0123456789ab",
          .config_version = "ba9876543210",
          .tokens = 4,
          .truncated = true,
          .metadata = "{\"a\":1}"};
}

/// The shorter way writes what the plain one does.
void expect_same(const pipeline::ClassifiedRecord& record) {
  for (const TextPolicy policy : {TextPolicy::kNone, TextPolicy::kHash, TextPolicy::kFull}) {
    std::string plain;
    append_record(plain, stored_form(record, policy));
    std::string direct;
    append_stored_form(direct, record, policy);
    EXPECT_EQ(direct, plain) << name_of(policy);
  }
}

TEST(RecordCodec, TheStoredFormIsWrittenTheSameWithoutMakingIt) { expect_same(record()); }

TEST(RecordCodec, WhatNoStoreCanHoldIsPutRightFirst) {
  auto broken = record();
  broken.text = "bad \xFF byte";
  expect_same(broken);
  broken = record();
  broken.subject = std::string("with\0zero", 9);
  expect_same(broken);
  broken = record();
  broken.score = std::numeric_limits<float>::quiet_NaN();
  expect_same(broken);
  broken = record();
  broken.scores[1].score = std::numeric_limits<float>::infinity();
  expect_same(broken);
  broken = record();
  broken.scores[0].label = "\xC3";
  expect_same(broken);
}

TEST(RecordCodec, EachTextIsHashedByItself) {
  // printf %s abc | sha256sum: FIPS 180-2, example B.1.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace valence::store
