#include "support/random_checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "support/safetensors_image.h"

namespace valence::testing {
namespace {

constexpr std::uint64_t kGoldenGamma = 0x9E3779B97F4A7C15;

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

/// The random words of one tensor.
class Words {
 public:
  Words(std::string_view name, std::uint64_t seed) : state_(seed ^ fnv1a(name)) {}
  std::uint64_t next() { return mix(state_ += kGoldenGamma); }

 private:
  std::uint64_t state_;
};

std::size_t elements_of(const RandomTensor& tensor) {
  std::size_t product = 1;
  for (const auto extent : tensor.shape) product *= static_cast<std::size_t>(extent);
  return product;
}

std::vector<float> normal_values(const RandomTensor& tensor, std::uint64_t seed) {
  constexpr double kLaneSumDeviation = 75674.0;
  const auto mean = static_cast<float>(tensor.mean);
  const auto scale = static_cast<float>(tensor.std / kLaneSumDeviation);
  Words words(tensor.name, seed);
  std::vector<float> values(elements_of(tensor));
  for (float& value : values) {
    const std::uint64_t x = words.next();
    const auto lanes = static_cast<std::int32_t>((x & 0xFFFF) + (x >> 16 & 0xFFFF) + (x >> 32 & 0xFFFF) + (x >> 48));
    value = mean + static_cast<float>(2 * lanes - 4 * 65535) * scale;
  }
  return values;
}

std::string int8_values(const RandomTensor& tensor, std::uint64_t seed) {
  Words words(tensor.name, seed);
  std::string values(elements_of(tensor), '\0');
  for (char& value : values) {
    value = static_cast<char>(std::max<int>(-127, static_cast<std::int8_t>(words.next() >> 56)));
  }
  return values;
}

RandomTensor row_scale_of(const RandomTensor& matrix) {
  const double mean = matrix.std / 74.0;
  return {matrix.name + "_scale", {matrix.shape[0]}, mean, mean / 10.0};
}

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);  // finite, so rounding cannot turn a NaN into infinity
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

/// Rounds to nearest even by arithmetic, independent of the conversion under test. Below 2^16 only.
std::uint16_t to_f16(float value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  // The spacing of halves at this magnitude: 2^(exponent - 10), and 2^-24 below the normal range.
  const int exponent = std::max(std::ilogb(magnitude), -14);
  const auto steps = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  // A full 2048 steps carries into the exponent by itself; subnormals have 1024 steps less and no implicit bit.
  return static_cast<std::uint16_t>(sign + (static_cast<std::uint32_t>(exponent + 14) << 10) + steps);
}

float from_f16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                        : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<std::uint16_t> converted(const std::vector<float>& values, std::uint16_t (*convert)(float)) {
  std::vector<std::uint16_t> out(values.size());
  std::ranges::transform(values, out.begin(), convert);
  return out;
}

/// `tensor` as the file holds it: itself, or an I8 matrix and its scales.
std::vector<ImageTensor> stored(const RandomTensor& tensor, const RandomCheckpoint& checkpoint) {
  if (checkpoint.format == WeightFormat::kI8 && tensor.shape.size() == 2) {
    const RandomTensor scale = row_scale_of(tensor);
    return {{tensor.name, "I8", tensor.shape, int8_values(tensor, checkpoint.seed)},
            {scale.name, "F32", scale.shape, bytes_of(normal_values(scale, checkpoint.seed))}};
  }
  const std::vector<float> values = normal_values(tensor, checkpoint.seed);
  switch (checkpoint.format) {
    case WeightFormat::kF16:
      return {{tensor.name, "F16", tensor.shape, bytes_of(converted(values, to_f16))}};
    case WeightFormat::kBF16:
      return {{tensor.name, "BF16", tensor.shape, bytes_of(converted(values, to_bf16))}};
    case WeightFormat::kF32:
    case WeightFormat::kI8:
      break;
  }
  return {{tensor.name, "F32", tensor.shape, bytes_of(values)}};
}

std::size_t stored_bytes(const RandomTensor& tensor, std::string_view dtype) {
  return elements_of(tensor) * (dtype == "F32" ? 4 : dtype == "I8" ? 1 : 2);
}

/// Header first, from the shapes alone; then the data, tensor by tensor.
void write_image(const RandomCheckpoint& checkpoint, std::span<const RandomTensor> tensors, std::ostream& out) {
  std::string header = "{";
  std::size_t offset = 0;
  const auto describe = [&](const RandomTensor& tensor, std::string_view dtype) {
    const std::size_t end = offset + stored_bytes(tensor, dtype);
    header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                          header.size() > 1 ? "," : "", tensor.name, dtype, fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  };
  constexpr std::string_view kVectorTypes[] = {"F32", "F16", "BF16", "F32"};
  for (const auto& tensor : tensors) {
    if (checkpoint.format == WeightFormat::kI8 && tensor.shape.size() == 2) {
      describe(tensor, "I8");
      describe(row_scale_of(tensor), "F32");
    } else {
      describe(tensor, kVectorTypes[static_cast<int>(checkpoint.format)]);
    }
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');  // data aligned, as the reference writer pads it
  out << image_of(header);
  for (const auto& tensor : tensors) {
    for (const auto& part : stored(tensor, checkpoint)) out << part.bytes;
  }
}

void write_image_file(const RandomCheckpoint& checkpoint, std::span<const RandomTensor> tensors,
                      const std::filesystem::path& path) {
  std::ofstream file(path, std::ios::binary);
  write_image(checkpoint, tensors, file);
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void write_shards(const RandomCheckpoint& checkpoint, const std::filesystem::path& directory) {
  const auto shards = static_cast<std::size_t>(checkpoint.shards);
  std::string weight_map;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const std::size_t begin = checkpoint.tensors.size() * shard / shards;
    const std::size_t end = checkpoint.tensors.size() * (shard + 1) / shards;
    const auto tensors = std::span(checkpoint.tensors).subspan(begin, end - begin);
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards);
    write_image_file(checkpoint, tensors, directory / name);
    for (const auto& tensor : tensors) {
      weight_map += fmt::format(R"({}"{}":"{}")", weight_map.empty() ? "" : ",", tensor.name, name);
      if (checkpoint.format == WeightFormat::kI8 && tensor.shape.size() == 2) {
        weight_map += fmt::format(R"(,"{}_scale":"{}")", tensor.name, name);
      }
    }
  }
  std::ofstream index(directory / "model.safetensors.index.json");
  index << R"({"metadata":{},"weight_map":{)" << weight_map << "}}";
  if (!index.flush()) throw std::runtime_error("cannot write the index");
}

}  // namespace

std::vector<float> values_of(const RandomTensor& tensor, const RandomCheckpoint& checkpoint) {
  if (checkpoint.format == WeightFormat::kI8 && tensor.shape.size() == 2) {
    const std::string quantized = int8_values(tensor, checkpoint.seed);
    const std::vector<float> scales = normal_values(row_scale_of(tensor), checkpoint.seed);
    const auto columns = static_cast<std::size_t>(tensor.shape[1]);
    std::vector<float> values(quantized.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(static_cast<std::int8_t>(quantized[i])) * scales[i / columns];
    }
    return values;
  }
  std::vector<float> values = normal_values(tensor, checkpoint.seed);
  if (checkpoint.format == WeightFormat::kF16) {
    for (float& value : values) value = from_f16(to_f16(value));
  } else if (checkpoint.format == WeightFormat::kBF16) {
    for (float& value : values) value = from_bf16(to_bf16(value));
  }
  return values;
}

std::uint64_t hash_of(std::span<const float> values) {
  std::uint64_t hash = 0;
  std::uint64_t position = 0;
  for (const float value : values) {
    position += kGoldenGamma;
    hash += mix(std::bit_cast<std::uint32_t>(value) ^ position);
  }
  return hash;
}

std::string image_of(const RandomCheckpoint& checkpoint) {
  std::ostringstream image;
  write_image(checkpoint, checkpoint.tensors, image);
  return image.str();
}

void write_checkpoint(const RandomCheckpoint& checkpoint, const std::filesystem::path& directory) {
  std::ofstream config(directory / "config.json");
  config << checkpoint.config_json;
  if (!config.flush()) throw std::runtime_error("cannot write " + (directory / "config.json").string());
  if (checkpoint.shards > 1) return write_shards(checkpoint, directory);
  write_image_file(checkpoint, checkpoint.tensors, directory / "model.safetensors");
}

}  // namespace valence::testing
