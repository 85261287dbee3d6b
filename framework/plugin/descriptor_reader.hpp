#pragma once

#include <filesystem>
#include <lensbench/parameters.hpp>
#include <lensbench/plugin_descriptor.hpp>
#include <string>
#include <vector>

#include "plugin/elf_image.hpp"

namespace lensbench {

inline constexpr const char* kDescriptorSymbol = "lensbench_plugin_descriptor";

/// Declaration of a parameter in a library.
struct ParameterInfo {
  std::string name;
  ParameterType type;
  std::string default_value, units, help;
  bool required = false;  ///< true if it is without a default and must be set
  bool operator==(const ParameterInfo&) const = default;
};

/// Declaration of a tool or experiment in a library.
struct EntryInfo {
  PluginEntryKind kind;
  std::string name, version, summary;
  std::vector<ParameterInfo> parameters;
  bool operator==(const EntryInfo&) const = default;
};

struct DescriptorInfo {
  std::string name, source;
  std::vector<EntryInfo> entries;
  bool operator==(const DescriptorInfo&) const = default;
};

/// Name of a kind: `tool` or `experiment`.
const char* kind_name(PluginEntryKind kind);

/// Reads the descriptor from the bytes of a library, without running its code. Format, API version
/// and ABI are checked before anything else is read.
/// \throws PluginError: wrong_format, wrong_api, wrong_abi, no_descriptor, malformed
DescriptorInfo read_descriptor(const ElfImage& library, const std::filesystem::path& path);

}  // namespace lensbench
