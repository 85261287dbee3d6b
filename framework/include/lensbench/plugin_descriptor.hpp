#pragma once

/// \file
/// What every plug-in declares about itself. `lensbench/plugin.hpp` writes it as JSON into the
/// section `lensbench_plugin` of the library file, where the bench reads it without running code of
/// the library.

#include <torch/version.h>

#include <cstddef>
#include <cstdint>
#include <lensbench/parameters.hpp>
#include <lensbench/result_spec.hpp>

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

/// Version of the format of the descriptor.
inline constexpr std::uint32_t kPluginFormatVersion = 2;
/// Major version of the API in `lensbench/*.hpp`, by semantic versioning. The major version is
/// raised when something changes or is removed (a virtual function, a member of a type that crosses
/// the boundary, a meaning), the minor version when something is added. A plug-in built for version
/// M.m therefore loads in every bench of version M.n with n >= m, and in no other.
inline constexpr std::uint32_t kPluginApiMajor = 2;
/// Minor version of the API; see `kPluginApiMajor`.
inline constexpr std::uint32_t kPluginApiMinor = 0;

/// Kind of object that an entry creates.
enum class PluginEntryKind : std::uint32_t {
  tool = 1,        ///< a `Tool`
  experiment = 2,  ///< an `Experiment`
};

/// Declaration of one tool or experiment of a library.
struct PluginEntry {
  PluginEntryKind kind;                ///< kind of object that `create` returns
  const char* name;                    ///< [a-z][a-z0-9_]*
  const char* version;                 ///< semantic version
  const char* summary;                 ///< one sentence
  const ParameterSpec* parameters;     ///< parameters for `--set`
  std::size_t n_parameters;            ///< number of `parameters`
  const ResultSpec* results;           ///< variables of the results; nullptr: not declared
  std::size_t n_results;               ///< number of `results`
  const char* interface_version;       ///< version of the typed interface; nullptr: there is none
  const char* const* graded_settings;  ///< settings (`KEY=VALUE,...`) to grade; nullptr: defaults
  std::size_t n_graded_settings;       ///< number of `graded_settings`
  /// Returns a `Tool*` or an `Experiment*`, by `kind`; may throw.
  void* (*create)();
  void (*destroy)(void*);  ///< deletes an object that `create` returned
};

/// Functions of one entry.
struct PluginFactory {
  void* (*create)();       ///< see `PluginEntry::create`
  void (*destroy)(void*);  ///< see `PluginEntry::destroy`
};

/// Data that a library exports under the symbol `lensbench_plugin_factories`. The bench reads it
/// after it accepted the description in section `lensbench_plugin` of the file.
struct PluginFactories {
  const PluginFactory* factories;  ///< one for each entry of the description, in its order
  std::size_t n_factories;         ///< number of `factories`
  const char* description;         ///< keeps the description in the library
};

}  // namespace lensbench
