#include "kernels/rotary_table.h"

#include <cmath>
#include <numbers>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

std::vector<float> Frequencies(const RotaryTableOptions& options) {
  const auto frequencies = RotaryInverseFrequencies(options);
  EXPECT_TRUE(frequencies.ok()) << frequencies.status();
  return frequencies.value_or(std::vector<float>());
}

TEST(RotaryTableTest, FrequenciesFallGeometrically) {
  const std::vector<float> frequencies =
      Frequencies({.head_dim = 128, .rope_theta = 500000});

  ASSERT_EQ(frequencies.size(), 64);
  EXPECT_EQ(frequencies[0], 1);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double expected =
        std::pow(500000.0, -2.0 * static_cast<double>(i) / 128);
    EXPECT_NEAR(frequencies[i] / expected, 1, 1e-6);
  }
}

TEST(RotaryTableTest, Llama3SlowsLongWavesAndKeepsShortOnes) {
  const RotaryTableOptions plain = {.head_dim = 64, .rope_theta = 500000};
  RotaryTableOptions scaled = plain;
  scaled.llama3 = {.factor = 32,
                   .low_freq_factor = 1,
                   .high_freq_factor = 4,
                   .original_max_position_embeddings = 8192};

  const std::vector<float> before = Frequencies(plain);
  const std::vector<float> after = Frequencies(scaled);

  int blended = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / before[i];
    if (wavelength < 8192.0 / 4) {
      EXPECT_EQ(after[i], before[i]);
    } else if (wavelength > 8192.0) {
      EXPECT_EQ(after[i], before[i] / 32);
    } else {
      ++blended;
      const double smooth = (8192 / wavelength - 1) / 3;
      EXPECT_NEAR(
          after[i] / ((1 - smooth) * before[i] / 32 + smooth * before[i]), 1,
          1e-5);
    }
  }
  EXPECT_EQ(blended, 3);
}

TEST(RotaryTableTest, AnglesRoundToFloatBeforeTheirCosine) {
  const std::vector<float> frequencies =
      Frequencies({.head_dim = 8, .rope_theta = 10000});
  constexpr int64_t kPositions = 5000;
  std::vector<float> cos(kPositions * 4), sin(kPositions * 4);

  FillRotaryTable(cos.data(), sin.data(), frequencies, kPositions);

  for (int64_t p = 0; p < kPositions; ++p) {
    for (int64_t i = 0; i < 4; ++i) {
      const float angle = static_cast<float>(p) * frequencies[i];
      ASSERT_NEAR(cos[p * 4 + i], std::cos(angle), 1e-7);
      ASSERT_NEAR(sin[p * 4 + i], std::sin(angle), 1e-7);
    }
  }
}

void ExpectInvalid(const RotaryTableOptions& options, const char* message) {
  const absl::Status status = RotaryInverseFrequencies(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST(RotaryTableErrorsTest, NameTheOption) {
  ExpectInvalid({.head_dim = 0}, "head_dim 0");
  ExpectInvalid({.head_dim = 9}, "head_dim 9");
  ExpectInvalid({.head_dim = 8, .rope_theta = 0}, "rope_theta 0");
  ExpectInvalid({.head_dim = 8, .rope_theta = std::nan("")}, "rope_theta nan");
  ExpectInvalid({.head_dim = 8, .llama3 = Llama3Scaling{.factor = 0}},
                "llama3 factor 0");
  ExpectInvalid({.head_dim = 8, .llama3 = Llama3Scaling{.low_freq_factor = 0}},
                "low_freq_factor 0");
  ExpectInvalid({.head_dim = 8, .llama3 = Llama3Scaling{.high_freq_factor = 1}},
                "high_freq_factor above low_freq_factor");
  ExpectInvalid(
      {.head_dim = 8,
       .llama3 = Llama3Scaling{.original_max_position_embeddings = -1}},
      "original_max_position_embeddings -1");
}

}  // namespace
}  // namespace lockstep::testing
