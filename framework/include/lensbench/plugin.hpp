#pragma once

/// \file
/// Macros that describe a plug-in in its file: constant data, without code that runs at load time.
///
///     #include <lensbench/plugin.hpp>
///     class NormProbe final : public lensbench::Tool { ... };
///     LENSBENCH_PLUGIN("norm_probe", LENSBENCH_TOOL(NormProbe, "norm_probe", "1.0.0", "Norm ..."))
///
/// An experiment library uses LENSBENCH_EXPERIMENT (below) instead. A class may declare, as
/// `static constexpr` members:
/// - `ParameterSpec kParameters[]`: parameters for `--set`;
/// - `ResultSpec kResults[]`: variables of its results;
/// - `const char* kGradedSettings[]`: settings with which `lensbench grade` runs a tool.

#include <array>
#include <cstddef>
#include <iterator>
#include <lensbench/detail/plugin_text.hpp>
#include <lensbench/experiment.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/plugin_descriptor.hpp>
#include <lensbench/tool.hpp>
#include <type_traits>

namespace lensbench {
namespace detail {

template <class Base, class T>
constexpr PluginEntry make_entry(PluginEntryKind kind, const char* name, const char* version,
                                 const char* summary) {
  PluginEntry entry{};
  entry.kind = kind;
  entry.name = name;
  entry.version = version;
  entry.summary = summary;
  if constexpr (requires { T::kParameters; }) {
    entry.parameters = T::kParameters;
    entry.n_parameters = std::size(T::kParameters);
  }
  if constexpr (requires { T::kResults; }) {
    entry.results = T::kResults;
    entry.n_results = std::size(T::kResults);
  }
  if constexpr (requires { T::kInterfaceVersion; }) entry.interface_version = T::kInterfaceVersion;
  if constexpr (requires { T::kGradedSettings; }) {
    entry.graded_settings = T::kGradedSettings;
    entry.n_graded_settings = std::size(T::kGradedSettings);
  }
  entry.create = []() -> void* { return static_cast<Base*>(new T()); };
  entry.destroy = [](void* object) { delete static_cast<Base*>(object); };
  return entry;
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

template <std::size_t N>
constexpr std::array<PluginFactory, N> factories_of(const PluginEntry (&entries)[N]) {
  std::array<PluginFactory, N> factories{};
  for (std::size_t i = 0; i < N; ++i) factories[i] = {entries[i].create, entries[i].destroy};
  return factories;
}

}  // namespace detail
}  // namespace lensbench

/// Tool entry for LENSBENCH_PLUGIN.
#define LENSBENCH_TOOL(Class, name, version, summary) \
  ::lensbench::detail::tool_entry<Class>(name, version, summary)
/// Experiment entry for LENSBENCH_PLUGIN.
#define LENSBENCH_EXPERIMENT_ENTRY(Class, name, version, summary) \
  ::lensbench::detail::experiment_entry<Class>(name, version, summary)

/// Describes a library; use it once. The arguments after the name are the entries.
#define LENSBENCH_PLUGIN(plugin_name, ...)                                               \
  static constexpr ::lensbench::PluginEntry lensbench_plugin_entries_[] = {__VA_ARGS__}; \
  static constexpr auto lensbench_plugin_factories_ =                                    \
      ::lensbench::detail::factories_of(lensbench_plugin_entries_);                      \
  __attribute__((section("lensbench_plugin"),                                            \
                 used)) static constexpr auto lensbench_plugin_description_ =            \
      ::lensbench::detail::plugin_text< ::lensbench::detail::plugin_text_size(           \
          plugin_name, LENSBENCH_ABI_TAG, lensbench_plugin_entries_)>(                   \
          plugin_name, LENSBENCH_ABI_TAG, lensbench_plugin_entries_);                    \
  extern "C" {                                                                           \
  LENSBENCH_API extern const ::lensbench::PluginFactories lensbench_plugin_factories;    \
  constinit const ::lensbench::PluginFactories lensbench_plugin_factories = {            \
      lensbench_plugin_factories_.data(), lensbench_plugin_factories_.size(),            \
      lensbench_plugin_description_.data()};                                             \
  }                                                                                      \
  static_assert(true)

/// Describes a library with one experiment.
#define LENSBENCH_EXPERIMENT(Class, name, version, summary) \
  LENSBENCH_PLUGIN(name, LENSBENCH_EXPERIMENT_ENTRY(Class, name, version, summary))
