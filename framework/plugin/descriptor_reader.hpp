#pragma once

#include <filesystem>
#include <lensbench/parameters.hpp>
#include <lensbench/plugin_descriptor.hpp>
#include <string>
#include <vector>

#include "plugin/elf_image.hpp"

namespace lensbench {

inline constexpr const char* kDescriptorSymbol = "lensbench_plugin_descriptor";

/// A parameter as a library declares it.
struct ParameterInfo {
  std::string name;
  ParameterType type;
  std::string default_value, units, help;
  bool required = false;  ///< has no default and must be set
  bool operator==(const ParameterInfo&) const = default;
};

/// One tool or experiment as a library declares it.
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

/// `tool` or `experiment`
const char* kind_name(PluginEntryKind kind);

/// Reads what a library offers from its bytes; none of its code runs. Format, API version and ABI
/// are checked before anything else of it is looked at.
/// \throws PluginError: wrong_format, wrong_api, wrong_abi, no_descriptor, malformed
DescriptorInfo read_descriptor(const ElfImage& library, const std::filesystem::path& path);

}  // namespace lensbench
