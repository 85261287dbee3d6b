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

/// Build properties that a plug-in and the bench must share for C++ objects to cross the boundary.
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
/// Version of the layout of PluginDescriptor; the first four fields never move.
inline constexpr std::uint32_t kPluginFormatVersion = 1;
/// Major version of the API in `lensbench/*.hpp`, by semantic versioning. The major version is
/// raised when something changes or is removed (a virtual function, a member of a type that crosses
/// the boundary, a meaning), the minor version when something is added. A plug-in built for version
/// M.m therefore loads in every bench of version M.n with n >= m, and in no other.
inline constexpr std::uint32_t kPluginApiMajor = 1;
/// Minor version of the API; see `kPluginApiMajor`.
inline constexpr std::uint32_t kPluginApiMinor = 0;

/// Whether a bench of API version `own` can load a plug-in built for API version `built`; see
/// `kPluginApiMajor`.
constexpr bool is_compatible_api(std::uint32_t built_major, std::uint32_t built_minor,
                                 std::uint32_t own_major = kPluginApiMajor,
                                 std::uint32_t own_minor = kPluginApiMinor) {
  return built_major == own_major && built_minor <= own_minor;
}

/// Kind of object that an entry creates.
enum class PluginEntryKind : std::uint32_t {
  tool = 1,        ///< a `Tool`
  experiment = 2,  ///< an `Experiment`
};

/// One tool or experiment of a library.
struct PluginEntry {
  PluginEntryKind kind;             ///< kind of object that `create` returns
  const char* name;                 ///< [a-z][a-z0-9_]*
  const char* version;              ///< semantic version
  const char* summary;              ///< one sentence
  const ParameterSpec* parameters;  ///< parameters for `--set`
  std::size_t n_parameters;         ///< number of `parameters`
  /// Returns a `Tool*` or an `Experiment*`, by `kind`; may throw.
  void* (*create)();
  void (*destroy)(void*);  ///< deletes an object that `create` returned
};

/// Data that a library exports under the symbol `lensbench_plugin_descriptor`.
struct PluginDescriptor {
  std::uint64_t magic;           ///< kPluginMagic
  std::uint32_t format_version;  ///< kPluginFormatVersion
  std::uint32_t api_major;       ///< kPluginApiMajor of the build
  std::uint32_t api_minor;       ///< kPluginApiMinor of the build
  const char* abi_tag;           ///< LENSBENCH_ABI_TAG of the build
  // The bench reads the following fields only after it accepted those above.
  const char* name;            ///< name of the library
  const PluginEntry* entries;  ///< its tools and experiments
  std::size_t n_entries;       ///< number of `entries`
  const char* source;          ///< text of the source file of the entries, or nullptr
};

}  // namespace lensbench
