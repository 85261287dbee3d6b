#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <lensbench/parameters.hpp>
#include <lensbench/plugin_descriptor.hpp>
#include <lensbench/result_spec.hpp>
#include <string>
#include <vector>

#include "plugin/elf_image.hpp"

namespace lensbench {

inline constexpr const char* kFactoriesSymbol = "lensbench_plugin_factories";

/// Whether a bench of API version `own` can load a plug-in built for API version `built`; see
/// `kPluginApiMajor`.
constexpr bool is_compatible_api(std::uint32_t built_major, std::uint32_t built_minor,
                                 std::uint32_t own_major = kPluginApiMajor,
                                 std::uint32_t own_minor = kPluginApiMinor) {
  return built_major == own_major && built_minor <= own_minor;
}

/// Declaration of a tool or experiment in a library.
struct EntryInfo {
  PluginEntryKind kind;
  std::string name, version, summary;
  std::vector<ParameterInfo> parameters;
  std::vector<ResultInfo> results;           ///< empty: the results are not declared
  std::string interface_version;             ///< version of the typed interface; may be empty
  std::vector<std::string> graded_settings;  ///< empty: the defaults
  bool operator==(const EntryInfo&) const = default;
};

/// Description of a library.
struct DescriptorInfo {
  std::string name, source;
  std::array<std::uint32_t, 2> api{};  ///< version of the API that it was built for
  std::vector<EntryInfo> entries;
  bool operator==(const DescriptorInfo&) const = default;
};

/// Name of a kind: `tool` or `experiment`.
const char* kind_name(PluginEntryKind kind);

/// Reads the description from the bytes of a library, without running its code. Format, API version
/// and ABI are checked before anything else is read.
/// \throws PluginError: wrong_format, wrong_api, wrong_abi, no_descriptor, malformed
DescriptorInfo read_descriptor(const ElfImage& library, const std::filesystem::path& path);

}  // namespace lensbench
