#include "plugin/descriptor_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <lensbench/error.hpp>
#include <set>

#include "plugin/refuse.hpp"

namespace lensbench {
namespace {

using Address = ElfImage::Address;
constexpr std::size_t kMostEntries = 10'000;

std::string version_text(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

void check_api(std::uint32_t major, std::uint32_t minor, const std::filesystem::path& path) {
  if (is_compatible_api(major, minor)) return;
  const bool newer = major > kPluginApiMajor || major == kPluginApiMajor;
  refuse_plugin(PluginFault::wrong_api, path,
                "built for plug-in API " + version_text(major, minor) + ", this lensbench has " +
                    version_text(kPluginApiMajor, kPluginApiMinor) +
                    (newer ? "; update lensbench, or rebuild the plug-in against this one"
                           : "; rebuild the plug-in against this lensbench"));
}

void check_contract(const ElfImage& library, Address at, const std::filesystem::path& path) {
  const auto magic = library.value<std::uint64_t>(at + offsetof(PluginDescriptor, magic));
  const auto format = library.value<std::uint32_t>(at + offsetof(PluginDescriptor, format_version));
  if (magic != kPluginMagic || format != kPluginFormatVersion)
    refuse_plugin(PluginFault::wrong_format, path,
                  "unknown format of the descriptor (version " + std::to_string(format) +
                      ", expected " + std::to_string(kPluginFormatVersion) + ")" +
                      "; rebuild it against this lensbench");
  check_api(library.value<std::uint32_t>(at + offsetof(PluginDescriptor, api_major)),
            library.value<std::uint32_t>(at + offsetof(PluginDescriptor, api_minor)), path);
  const Address tag_at = library.pointer(at + offsetof(PluginDescriptor, abi_tag));
  const std::string tag = tag_at == 0 ? "" : library.text(tag_at);
  if (tag != LENSBENCH_ABI_TAG)
    refuse_plugin(PluginFault::wrong_abi, path,
                  "built with another ABI (found " + tag +
                      "; expected " LENSBENCH_ABI_TAG
                      "); rebuild it with the compiler and libtorch of this lensbench");
}

bool is_entry_name(const std::string& name) {
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// Reader of one entry of a descriptor.
class EntryReader {
 public:
  EntryReader(const ElfImage& library, Address at, std::size_t index,
              const std::filesystem::path& path)
      : library_(library), at_(at), which_("entry " + std::to_string(index)), path_(path) {}

  EntryInfo read() const {
    EntryInfo entry{};
    entry.kind = library_.value<PluginEntryKind>(at_ + offsetof(PluginEntry, kind));
    if (entry.kind != PluginEntryKind::tool && entry.kind != PluginEntryKind::experiment)
      malformed("unknown kind; expected a tool or an experiment");
    entry.name = text(at_ + offsetof(PluginEntry, name), "the name");
    if (!is_entry_name(entry.name)) malformed("invalid name; expected [a-z][a-z0-9_]*");
    entry.version = text(at_ + offsetof(PluginEntry, version), "the version");
    if (entry.version.empty()) malformed("the version is missing");
    entry.summary = text(at_ + offsetof(PluginEntry, summary), "the summary");
    if (library_.pointer(at_ + offsetof(PluginEntry, create)) == 0 ||
        library_.pointer(at_ + offsetof(PluginEntry, destroy)) == 0)
      malformed("the factory is missing");
    entry.parameters = parameters();
    return entry;
  }

 private:
  [[noreturn]] void malformed(const std::string& why) const {
    refuse_plugin(PluginFault::malformed, path_, which_ + ": " + why);
  }

  std::string text(Address at, const std::string& what) const {
    const Address pointer = library_.pointer(at);
    if (pointer == 0) malformed(what + " is missing");
    return library_.text(pointer);
  }

  std::vector<ParameterInfo> parameters() const {
    const auto count = library_.value<std::size_t>(at_ + offsetof(PluginEntry, n_parameters));
    const Address table = library_.pointer(at_ + offsetof(PluginEntry, parameters));
    if (count > kMostEntries || (count > 0 && table == 0))
      malformed("the table of parameters is missing or too long");
    std::vector<ParameterInfo> list;
    std::set<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
      list.push_back(parameter(table + i * sizeof(ParameterSpec)));
      if (!names.insert(list.back().name).second)
        malformed("parameter '" + list.back().name + "' is declared twice");
    }
    return list;
  }

  ParameterInfo parameter(Address at) const {
    ParameterInfo parameter{};
    parameter.name = text(at + offsetof(ParameterSpec, name), "the name of a parameter");
    const std::string of = " of parameter '" + parameter.name + "'";
    parameter.type = library_.value<ParameterType>(at + offsetof(ParameterSpec, type));
    if (parameter.type < ParameterType::integer || parameter.type > ParameterType::model)
      malformed("the type" + of + " is unknown");
    const Address given = library_.pointer(at + offsetof(ParameterSpec, default_value));
    parameter.required = given == 0;
    if (given != 0) parameter.default_value = library_.text(given);
    parameter.units = text(at + offsetof(ParameterSpec, units), "the units" + of);
    parameter.help = text(at + offsetof(ParameterSpec, help), "the help" + of);
    return parameter;
  }

  const ElfImage& library_;
  Address at_;
  std::string which_;
  const std::filesystem::path& path_;
};

}  // namespace

const char* kind_name(PluginEntryKind kind) {
  return kind == PluginEntryKind::tool ? "tool" : "experiment";
}

DescriptorInfo read_descriptor(const ElfImage& library, const std::filesystem::path& path) {
  const auto at = library.symbol(kDescriptorSymbol);
  if (!at)
    refuse_plugin(PluginFault::no_descriptor, path,
                  "symbol '" + std::string(kDescriptorSymbol) +
                      "' is missing; it is not a lensbench plug-in, or its source lacks "
                      "LENSBENCH_PLUGIN(...)");
  check_contract(library, *at, path);
  const Address name = library.pointer(*at + offsetof(PluginDescriptor, name));
  const Address table = library.pointer(*at + offsetof(PluginDescriptor, entries));
  const auto count = library.value<std::size_t>(*at + offsetof(PluginDescriptor, n_entries));
  if (name == 0 || table == 0 || count == 0 || count > kMostEntries)
    refuse_plugin(PluginFault::malformed, path,
                  "its descriptor does not list a tool or an experiment");
  DescriptorInfo info;
  info.name = library.text(name);
  if (const Address source = library.pointer(*at + offsetof(PluginDescriptor, source)); source != 0)
    info.source = library.text(source);
  for (std::size_t i = 0; i < count; ++i) {
    const EntryReader reader(library, table + i * sizeof(PluginEntry), i, path);
    info.entries.push_back(reader.read());
    const auto& added = info.entries.back();
    for (std::size_t k = 0; k < i; ++k)
      if (info.entries[k].kind == added.kind && info.entries[k].name == added.name)
        refuse_plugin(
            PluginFault::malformed, path,
            std::string("lists ") + kind_name(added.kind) + " '" + added.name + "' twice");
  }
  return info;
}

}  // namespace lensbench
