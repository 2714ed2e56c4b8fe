#include "valence/model/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "valence/base/json.h"
#include "valence/tensor/safetensors_reader.h"

namespace valence {
namespace {

constexpr auto kSingleFile = "model.safetensors";
constexpr auto kIndexFile = "model.safetensors.index.json";
constexpr std::uint64_t kMaxIndexBytes = 16U << 20U;
constexpr std::size_t kMaxShards = 1000;

/// A name that cannot leave the directory it is joined to.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

/// The refusal of a directory without safetensors weights, in words that fit what it has instead.
Error no_weights(const std::filesystem::path& model_dir) {
  std::set<std::string> other_weights;
  std::error_code ignored;
  for (auto it = std::filesystem::directory_iterator(model_dir, ignored);
       !ignored && it != std::filesystem::directory_iterator(); it.increment(ignored)) {
    const auto extension = it->path().extension();
    const auto name = it->path().filename().string();
    // training_args.bin and optimizer.pt are pickles too, but no weights.
    if (name.starts_with("pytorch_model") || extension == ".pt" || extension == ".pth" || extension == ".ckpt") {
      other_weights.insert(name);
    }
  }
  if (!other_weights.empty()) {
    return {ErrorCode::kInvalidData, (model_dir / *other_weights.begin()).string(),
            "holds pickled weights, which can run code and are never opened", kPickleConversionHint};
  }
  return {ErrorCode::kNotFound, model_dir.string(), fmt::format("has no {} and no {}", kSingleFile, kIndexFile)};
}

struct ShardIndex {
  std::vector<std::pair<std::string, std::string>> shard_of;  ///< tensor name -> file name
  std::set<std::string> shards;
};

Result<ShardIndex> parse_index(const Json& index) {
  VALENCE_TRY(const Json weight_map, index.at("weight_map"));
  if (weight_map.size() > kMaxSafetensorsTensors) {
    return weight_map.invalid(fmt::format("lists {} tensors, more than {}", weight_map.size(), kMaxSafetensorsTensors));
  }
  VALENCE_TRY(const auto members, weight_map.members());
  ShardIndex parsed;
  parsed.shard_of.reserve(members.size());
  for (const auto& [tensor, value] : members) {
    VALENCE_TRY(std::string shard, value.as_string());
    if (!is_plain_file_name(shard)) {
      return value.invalid(
          fmt::format("the shard {} is not a plain file name inside the model's directory", in_quotes(shard)));
    }
    parsed.shards.insert(shard);
    if (parsed.shards.size() > kMaxShards)
      return weight_map.invalid(fmt::format("names more than {} shards", kMaxShards));
    parsed.shard_of.emplace_back(tensor, std::move(shard));
  }
  if (parsed.shards.empty()) return weight_map.invalid("names no shards");
  return parsed;
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& model_dir) {
  auto single = MappedFile::open(model_dir / kSingleFile);
  if (single) {
    VALENCE_TRY(Checkpoint checkpoint, from_memory(single->bytes(), (model_dir / kSingleFile).string()));
    checkpoint.files_.push_back(std::move(*single));
    return checkpoint;
  }
  if (single.error().code() != ErrorCode::kNotFound) return fail(std::move(single).error());

  const auto index_path = model_dir / kIndexFile;
  auto index_text = read_file(index_path, kMaxIndexBytes);
  if (index_text) {
    VALENCE_TRY(const Json index, Json::parse(*index_text, index_path.string()));
    return open_shards(model_dir, index);
  }
  if (index_text.error().code() != ErrorCode::kNotFound) return fail(std::move(index_text).error());
  return fail(no_weights(model_dir));
}

Result<Checkpoint> Checkpoint::open_shards(const std::filesystem::path& model_dir, const Json& index) {
  VALENCE_TRY(const ShardIndex listed, parse_index(index));
  Checkpoint checkpoint;
  checkpoint.source_ = model_dir.string();
  std::map<std::string, std::string, std::less<>> found_in;
  for (const auto& shard : listed.shards) {
    auto file = MappedFile::open(model_dir / shard);
    if (!file && file.error().code() == ErrorCode::kNotFound) {
      return fail(ErrorCode::kNotFound, (model_dir / shard).string(),
                  fmt::format("the shard that {} names is missing", kIndexFile), "download the model again");
    }
    if (!file) return fail(std::move(file).error());
    VALENCE_TRY(TensorTable tensors, parse_safetensors(file->bytes(), (model_dir / shard).string()));
    for (auto& [name, view] : tensors) {
      const auto [place, inserted] = found_in.try_emplace(name, shard);
      if (!inserted) {
        return fail(ErrorCode::kInvalidData, (model_dir / shard).string(),
                    fmt::format("tensor {} is also in {}", in_quotes(name), place->second));
      }
      checkpoint.tensors_.emplace(name, std::move(view));
    }
    if (checkpoint.tensors_.size() > kMaxSafetensorsTensors) {
      return fail(ErrorCode::kInvalidData, checkpoint.source_,
                  fmt::format("the shards hold more than {} tensors", kMaxSafetensorsTensors));
    }
    checkpoint.files_.push_back(std::move(*file));
  }
  for (const auto& [tensor, shard] : listed.shard_of) {
    const auto found = found_in.find(tensor);
    if (found == found_in.end() || found->second != shard) {
      return index.invalid(fmt::format("weight_map: tensor {} is not in {}{}", in_quotes(tensor), shard,
                                       found == found_in.end() ? "" : fmt::format(", but in {}", found->second)));
    }
  }
  return checkpoint;
}

Result<Checkpoint> Checkpoint::from_memory(std::span<const std::byte> image, std::string source) {
  Checkpoint checkpoint;
  VALENCE_TRY(checkpoint.tensors_, parse_safetensors(image, source));
  checkpoint.source_ = std::move(source);
  return checkpoint;
}

Checkpoint Checkpoint::from_tensors(TensorTable tensors, std::string source) {
  Checkpoint checkpoint;
  checkpoint.tensors_ = std::move(tensors);
  checkpoint.source_ = std::move(source);
  return checkpoint;
}

Checkpoint Checkpoint::from_file(MappedFile file, TensorTable tensors, std::string source) {
  Checkpoint checkpoint = from_tensors(std::move(tensors), std::move(source));
  checkpoint.files_.push_back(std::move(file));
  return checkpoint;
}

Checkpoint Checkpoint::from_parts(Parts parts, std::string source) {
  Checkpoint checkpoint = from_tensors(std::move(parts.tensors), std::move(source));
  checkpoint.files_ = std::move(parts.files);
  checkpoint.made_ = std::move(parts.made);
  checkpoint.transposed_ = std::move(parts.transposed);
  return checkpoint;
}

bool Checkpoint::has_safetensors(const std::filesystem::path& model_dir) {
  std::error_code ignored;
  return std::filesystem::exists(model_dir / kSingleFile, ignored) ||
         std::filesystem::exists(model_dir / kIndexFile, ignored);
}

void Checkpoint::replace(const std::string& name, Shape shape, std::vector<float> values) {
  std::vector<float>& own = own_[name] = std::move(values);
  tensors_.insert_or_assign(name, TensorView{DType::kF32, std::move(shape), std::as_bytes(std::span(own))});
  tensors_.erase(name + "_scale");
}

std::optional<TensorView> Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? std::nullopt : std::optional(found->second);
}

void Checkpoint::release(const TensorView& tensor) const {
  for (const MappedFile& file : files_) file.release(tensor.bytes);
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, view] : tensors_) names.push_back(name);
  return names;
}

}  // namespace valence
