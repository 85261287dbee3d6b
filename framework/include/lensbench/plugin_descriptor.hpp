#pragma once

/// \file
/// The descriptor that every plug-in exports: constant data, read before any C++ object crosses
/// the boundary. Plug-ins include `lensbench/plugin.hpp`, which fills it in.

#include <torch/version.h>

#include <cstddef>
#include <cstdint>
#include <lensbench/parameters.hpp>

/// \cond
#define LENSBENCH_STRINGIFY_(x) #x
#define LENSBENCH_STRINGIFY(x) LENSBENCH_STRINGIFY_(x)

#ifdef _GLIBCXX_DEBUG
#define LENSBENCH_ABI_DEBUG_ "1"
#else
#define LENSBENCH_ABI_DEBUG_ "0"
#endif
/// \endcond

/// What must be equal on both sides of the boundary for C++ objects to cross it.
// clang-format off
#define LENSBENCH_ABI_TAG                                                      \
  "itanium-abi " LENSBENCH_STRINGIFY(__GXX_ABI_VERSION)                        \
  ", cxx11-strings " LENSBENCH_STRINGIFY(_GLIBCXX_USE_CXX11_ABI)               \
  ", c++ " LENSBENCH_STRINGIFY(__cplusplus)                                    \
  ", libtorch " TORCH_VERSION                                                  \
  ", libstdc++-debug " LENSBENCH_ABI_DEBUG_
// clang-format on

namespace lensbench {

/// First field of every descriptor: the letters `lensbenc`.
inline constexpr std::uint64_t kPluginMagic = 0x6c656e7362656e63;
/// Layout of PluginDescriptor itself; the first four fields never move.
inline constexpr std::uint32_t kPluginFormatVersion = 1;
/// Version of all that is in `lensbench/*.hpp`, by semantic versioning. The major version is raised
/// when what is there changes or goes (a virtual function, a member of a type that crosses the
/// boundary, a meaning), the minor version when something is added. So a plug-in that was built for
/// M.m loads in every bench that speaks M.n with n >= m, and in no other.
inline constexpr std::uint32_t kPluginApiMajor = 1;
/// The second part of that version.
inline constexpr std::uint32_t kPluginApiMinor = 0;

/// That rule: whether a bench that speaks `own` can load what was built for `built`.
constexpr bool is_compatible_api(std::uint32_t built_major, std::uint32_t built_minor,
                                 std::uint32_t own_major = kPluginApiMajor,
                                 std::uint32_t own_minor = kPluginApiMinor) {
  return built_major == own_major && built_minor <= own_minor;
}

/// What an entry makes.
enum class PluginEntryKind : std::uint32_t {
  tool = 1,        ///< a `Tool`
  experiment = 2,  ///< an `Experiment`
};

/// One tool or experiment of a library.
struct PluginEntry {
  PluginEntryKind kind;             ///< what `create` returns
  const char* name;                 ///< [a-z][a-z0-9_]*
  const char* version;              ///< semantic version
  const char* summary;              ///< one sentence
  const ParameterSpec* parameters;  ///< what `--set` takes
  std::size_t n_parameters;         ///< how many
  /// Returns a `Tool*` or an `Experiment*`, by `kind`; may throw.
  void* (*create)();
  void (*destroy)(void*);  ///< of what `create` returned
};

/// What a library exports under the symbol `lensbench_plugin_descriptor`.
struct PluginDescriptor {
  std::uint64_t magic;           ///< kPluginMagic
  std::uint32_t format_version;  ///< kPluginFormatVersion
  std::uint32_t api_major;       ///< kPluginApiMajor it was built for
  std::uint32_t api_minor;       ///< kPluginApiMinor it was built for
  const char* abi_tag;           ///< LENSBENCH_ABI_TAG it was built with
  // Read only after the fields above were accepted.
  const char* name;            ///< of the library
  const PluginEntry* entries;  ///< its tools and experiments
  std::size_t n_entries;       ///< how many
  const char* source;  ///< the text of the source file the entries were built from, or nullptr
};

}  // namespace lensbench
