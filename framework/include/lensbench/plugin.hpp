#pragma once

/// \file
/// What a plug-in exports: one constant descriptor, no code that runs at load.
///
///     #include <lensbench/plugin.hpp>
///     class NormProbe final : public lensbench::Tool { ... };
///     LENSBENCH_PLUGIN("norm_probe", LENSBENCH_TOOL(NormProbe, "norm_probe", "1.0.0", "Norm ..."))
///
/// An experiment library uses LENSBENCH_EXPERIMENT (below) instead.

#include <torch/version.h>

#include <cstddef>
#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tool.hpp>
#include <type_traits>

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

namespace detail {

template <class T>
concept HasParameters = requires {
  T::kParameters;
};

template <class T>
constexpr const ParameterSpec* parameter_table() {
  if constexpr (HasParameters<T>)
    return T::kParameters;
  else
    return nullptr;
}

template <class T>
constexpr std::size_t parameter_count() {
  if constexpr (HasParameters<T>)
    return sizeof(T::kParameters) / sizeof(T::kParameters[0]);
  else
    return 0;
}

template <class Base, class T>
constexpr PluginEntry make_entry(PluginEntryKind kind, const char* name, const char* version,
                                 const char* summary) {
  return {kind,
          name,
          version,
          summary,
          parameter_table<T>(),
          parameter_count<T>(),
          []() -> void* { return static_cast<Base*>(new T()); },
          [](void* object) { delete static_cast<Base*>(object); }};
}

template <class T>
concept ToolClass = std::is_base_of_v<Tool, T> && std::is_default_constructible_v<T>;
template <class T>
concept ExperimentClass = std::is_base_of_v<Experiment, T> && std::is_default_constructible_v<T>;

template <ToolClass T>
constexpr PluginEntry tool_entry(const char* name, const char* version, const char* summary) {
  return make_entry<Tool, T>(PluginEntryKind::tool, name, version, summary);
}
template <ExperimentClass T>
constexpr PluginEntry experiment_entry(const char* name, const char* version, const char* summary) {
  return make_entry<Experiment, T>(PluginEntryKind::experiment, name, version, summary);
}

}  // namespace detail
}  // namespace lensbench

/// \cond
/// Source text of the library, generated by `lensbench_add_tool` and `lensbench_add_experiment`;
/// weak, so that a library built by other means links without it.
extern "C" __attribute__((weak, visibility("hidden"))) const char lensbench_plugin_source_text[];
/// \endcond

/// An entry for LENSBENCH_PLUGIN. A class may declare `static constexpr ParameterSpec
/// kParameters[]`.
#define LENSBENCH_TOOL(Class, name, version, summary) \
  ::lensbench::detail::tool_entry<Class>(name, version, summary)
/// The same for an experiment class.
#define LENSBENCH_EXPERIMENT_ENTRY(Class, name, version, summary) \
  ::lensbench::detail::experiment_entry<Class>(name, version, summary)

/// Exports the descriptor. Once a library; the arguments after the name are its entries.
#define LENSBENCH_PLUGIN(plugin_name, ...)                                               \
  static constexpr ::lensbench::PluginEntry lensbench_plugin_entries_[] = {__VA_ARGS__}; \
  extern "C" {                                                                           \
  LENSBENCH_API extern const ::lensbench::PluginDescriptor lensbench_plugin_descriptor;  \
  constinit const ::lensbench::PluginDescriptor lensbench_plugin_descriptor = {          \
      ::lensbench::kPluginMagic,                                                         \
      ::lensbench::kPluginFormatVersion,                                                 \
      ::lensbench::kPluginApiMajor,                                                      \
      ::lensbench::kPluginApiMinor,                                                      \
      LENSBENCH_ABI_TAG,                                                                 \
      plugin_name,                                                                       \
      lensbench_plugin_entries_,                                                         \
      sizeof(lensbench_plugin_entries_) / sizeof(lensbench_plugin_entries_[0]),          \
      lensbench_plugin_source_text};                                                     \
  }                                                                                      \
  static_assert(true)

/// A library that holds one experiment.
#define LENSBENCH_EXPERIMENT(Class, name, version, summary) \
  LENSBENCH_PLUGIN(name, LENSBENCH_EXPERIMENT_ENTRY(Class, name, version, summary))
