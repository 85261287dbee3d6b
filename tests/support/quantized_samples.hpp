#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

/// Names of the quantized checkpoints, the folders of tests/data/quantized, in order.
inline std::vector<std::string> quantized_samples() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder() + "/quantized"))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Folder of a small quantized checkpoint, which tests/parity/make_quantized.py wrote.
inline std::string quantized_folder(const std::string& name) {
  return data_folder() + "/quantized/" + name;
}

/// Name of a test about a sample: `fp8_whole` of `fp8-whole`.
inline std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// A quantized sample that is changed before it is written: its configuration, the header of its
/// weights and their bytes, whatever the element types are.
class ChangedQuantized {
 public:
  explicit ChangedQuantized(const std::string& name) {
    const std::string folder = quantized_folder(name);
    config = nlohmann::json::parse(std::ifstream(folder + "/config.json"));
    std::ifstream file(folder + "/model.safetensors", std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof size);
    header = nlohmann::json::parse(bytes.substr(sizeof size, size));
    data = bytes.substr(sizeof size + size);
  }

  nlohmann::json& settings() { return config["quantization_config"]; }

  void rename(const std::string& from, const std::string& to) {
    header[to] = header.at(from);
    header.erase(from);
  }

  /// Replaces one byte of a tensor.
  void set_byte(const std::string& tensor, std::size_t at, std::uint8_t value) {
    data.at(header.at(tensor).at("data_offsets").at(0).get<std::size_t>() + at) =
        static_cast<char>(value);
  }

  /// \return the directory
  std::string write() const {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::uint64_t size = text.size();
    std::string bytes(sizeof size, '\0');
    std::memcpy(bytes.data(), &size, sizeof size);
    folder_.write("config.json", config.dump());
    folder_.write("model.safetensors", bytes + text + data);
    return folder_.path().string();
  }

  nlohmann::json config, header;
  std::string data;  ///< of all tensors

 private:
  TempDir folder_;
};

}  // namespace lensbench::testing
