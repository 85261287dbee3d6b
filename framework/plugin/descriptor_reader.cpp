#include "plugin/descriptor_reader.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/parameters/parameter_problem.hpp"
#include "core/parameters/picture_parameters.hpp"
#include "core/text/json_reader.hpp"
#include "plugin/refuse.hpp"

// Description of a plug-in, read from a section of its file. No code of the library has run yet,
// and the text may be damaged or hostile: every field is read with a check of its type. Sections
// are written by LENSBENCH_PLUGIN (lensbench/plugin.hpp).

namespace lensbench {
namespace {

using nlohmann::json;

constexpr const char* kDescriptionSection = "lensbench_plugin";
constexpr const char* kSourceSection = "lensbench_source";

std::string version_text(std::int64_t major, std::int64_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

/// By semantic versioning, see `is_compatible_api`. The message says which side is the older one.
void check_api(std::uint32_t major, std::uint32_t minor, const std::filesystem::path& path) {
  if (is_compatible_api(major, minor)) return;
  const bool newer = major > kPluginApiMajor || major == kPluginApiMajor;
  refuse_plugin(PluginFault::wrong_api, path,
                "built for plug-in API " + version_text(major, minor) + ", this lensbench has " +
                    version_text(kPluginApiMajor, kPluginApiMinor) +
                    (newer ? "; update lensbench, or rebuild the plug-in against this one"
                           : "; rebuild the plug-in against this lensbench"));
}

// A library without a description: of API 1, which exported a table instead, or not a plug-in.
[[noreturn]] void refuse_undescribed(const ElfImage& library, const std::filesystem::path& path) {
  if (library.contains("lensbench_plugin_descriptor"))
    refuse_plugin(PluginFault::wrong_api, path,
                  "built for plug-in API 1, this lensbench has " +
                      version_text(kPluginApiMajor, kPluginApiMinor) +
                      "; rebuild the plug-in against this lensbench");
  refuse_plugin(PluginFault::no_descriptor, path,
                "section '" + std::string(kDescriptionSection) +
                    "' is missing; it is not a lensbench plug-in, or its source lacks "
                    "LENSBENCH_PLUGIN(...)");
}

/// The text of a section ends at its first NUL; the linker may add more.
std::string_view without_nul(std::string_view text) {
  return text.substr(0, std::min(text.find('\0'), text.size()));
}

/// Names are used in commands, in files and as groups of archives.
bool is_entry_name(const std::string& name) {
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::int64_t format_of(const JsonReader& root) {
  return root.at("lensbench_plugin").integer();
}

std::array<std::uint32_t, 2> api_of(const JsonReader& root) {
  const auto numbers = root.at("api").integers({0, UINT32_MAX});
  if (numbers.size() != 2) root.at("api").fail_expected("two numbers");
  return {static_cast<std::uint32_t>(numbers[0]), static_cast<std::uint32_t>(numbers[1])};
}

/// API, format and ABI decide whether the other fields may be read at all, so they come first.
/// \throws PluginError with the two versions
void check_contract(const JsonReader& root, const std::filesystem::path& path) {
  const auto api = api_of(root);
  check_api(api[0], api[1], path);
  if (format_of(root) != kPluginFormatVersion)
    refuse_plugin(PluginFault::wrong_format, path,
                  "unknown format of the description (version " + std::to_string(format_of(root)) +
                      ", expected " + std::to_string(kPluginFormatVersion) +
                      "); rebuild it against this lensbench");
  const std::string abi = root.at("abi").string();
  if (abi != LENSBENCH_ABI_TAG)
    refuse_plugin(PluginFault::wrong_abi, path,
                  "built with another ABI (found " + abi +
                      "; expected " LENSBENCH_ABI_TAG
                      "); rebuild it with the compiler and libtorch of this lensbench");
}

/// A parameter with its type, default and limits, which are checked for contradictions here.
ParameterInfo parameter_of(const JsonReader& field) {
  ParameterInfo parameter;
  parameter.name = field.at("name").string();
  // Number of the last type that this version knows; a later one is refused.
  const auto last = static_cast<std::int64_t>(ParameterType::hooks);
  parameter.type = static_cast<ParameterType>(field.at("type").integer({0, last}));
  const auto given = field.find("default");
  parameter.required = !given.has_value();
  if (given) parameter.default_value = given->string();
  parameter.units = field.at("units").string();
  parameter.help = field.at("help").string();
  if (const auto allowed = field.find("allowed")) parameter.allowed = allowed->string();
  if (const auto problem = problem_of(parameter); !problem.empty()) field.fail(problem);
  if (is_reserved_parameter(parameter.name))
    field.fail(
        "parameter '" + parameter.name +
        "': lensbench reads a setting of this name itself, for pictures; choose another name");
  return parameter;
}

/// A declared result; its name may be a glob.
ResultInfo result_of(const JsonReader& field) {
  ResultInfo result;
  result.name = field.at("name").string();
  result.dims = field.at("dims").string();
  result.units = field.at("units").string();
  result.meaning = field.at("meaning").string();
  const auto last = static_cast<std::int64_t>(View::table);
  result.view = static_cast<View>(field.at("view").integer({0, last}));
  result.always = field.at("always").integer({0, 1}) == 1;
  if (result.name.empty() || result.units.empty()) field.fail("the name or the units are empty");
  return result;
}

/// One tool or experiment. The order of the entries is that of the factories.
EntryInfo entry_of(const JsonReader& field) {
  EntryInfo entry{};
  entry.kind = static_cast<PluginEntryKind>(field.at("kind").integer({1, 2}));
  entry.name = field.at("name").string();
  if (!is_entry_name(entry.name)) field.fail("name", "invalid name; expected [a-z][a-z0-9_]*");
  entry.version = field.at("version").string();
  if (entry.version.empty()) field.fail("version", "the version is empty");
  entry.summary = field.at("summary").string();
  if (const auto version = field.find("interface")) entry.interface_version = version->string();
  const JsonReader parameters = field.at("parameters");
  std::set<std::string> names;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    entry.parameters.push_back(parameter_of(parameters.at(i)));
    if (!names.insert(entry.parameters.back().name).second)
      parameters.at(i).fail("parameter '" + entry.parameters.back().name + "' is declared twice");
  }
  if (const auto results = field.find("results"))
    for (std::size_t i = 0; i < results->size(); ++i)
      entry.results.push_back(result_of(results->at(i)));
  entry.graded_settings = field.at("graded_settings").strings();
  return entry;
}

std::vector<EntryInfo> entries_of(const JsonReader& root) {
  const JsonReader list = root.at("entries");
  if (list.size() == 0) list.fail("it does not list a tool or an experiment");
  std::vector<EntryInfo> entries;
  for (std::size_t i = 0; i < list.size(); ++i) {
    EntryInfo added = entry_of(list.at(i));
    // A tool and an experiment may have one name, two tools may not.
    for (const EntryInfo& other : entries)
      if (other.kind == added.kind && other.name == added.name)
        list.at(i).fail(std::string("it lists ") + kind_name(added.kind) + " '" + added.name +
                        "' twice");
    entries.push_back(std::move(added));
  }
  return entries;
}

}  // namespace

const char* kind_name(PluginEntryKind kind) {
  return kind == PluginEntryKind::tool ? "tool" : "experiment";
}

DescriptorInfo read_descriptor(const ElfImage& library, const std::filesystem::path& path) {
  const auto section = library.section(kDescriptionSection);
  if (!section) refuse_undescribed(library, path);
  DescriptorInfo info;
  // Errors of the reader become those of the plug-in, so that a damaged library is refused and does
  // not end the command.
  try {
    const json text = json::parse(without_nul(*section));
    const JsonReader root(text, "its description");
    check_contract(root, path);
    info.name = root.at("name").string();
    info.api = api_of(root);
    info.entries = entries_of(root);
  } catch (const json::exception& error) {
    refuse_plugin(PluginFault::malformed, path,
                  std::string("its description is not JSON: ") + error.what());
  } catch (const InputError& error) {
    refuse_plugin(PluginFault::malformed, path, error.what());
  }
  if (const auto source = library.section(kSourceSection)) info.source = without_nul(*source);
  return info;
}

}  // namespace lensbench
