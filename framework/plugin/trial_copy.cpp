#include "plugin/trial_copy.hpp"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include "plugin/refuse.hpp"

// Copies of plug-ins for the trial in a child process. For each library that it loads, the system's
// loader goes through all libraries that it needs, and those that these need, and compares the name
// of each with the names of all libraries in the process. A plug-in needs libtorch, and through it
// often hundreds, all of which are there already: this search takes several times as long as the
// loading itself. A copy that does not ask for them finds their symbols all the same, because they
// are global.

namespace lensbench {
namespace {

// Loaders ignore entries of the dynamic section whose tag has no meaning; this one is before the
// range of the systems (DT_LOOS), and odd: its value is not an address.
constexpr Elf64_Sxword kWithoutMeaning = 0x60000001;

/// Texts of the dynamic section. Some loaders keep its addresses as the file has them, relative to
/// the beginning of the library.
const char* dynamic_texts(const link_map& library) {
  for (const auto* entry = library.l_ld; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag != DT_STRTAB) continue;
    const auto address = entry->d_un.d_ptr;
    return reinterpret_cast<const char*>(address < library.l_addr ? address + library.l_addr
                                                                  : address);
  }
  return nullptr;
}

std::set<std::string> dynamic_names(const link_map& library) {
  std::set<std::string> names;
  const char* texts = dynamic_texts(library);
  if (texts == nullptr) return names;
  for (const auto* entry = library.l_ld; entry->d_tag != DT_NULL; ++entry)
    if (entry->d_tag == DT_NEEDED || entry->d_tag == DT_SONAME)
      names.insert(texts + entry->d_un.d_val);
  return names;
}

}  // namespace

const std::set<std::string>& own_libraries() {
  static const std::set<std::string> names = [] {
    Dl_info info{};
    void* library = nullptr;
    const bool is_known = dladdr1(reinterpret_cast<const void*>(&own_libraries), &info, &library,
                                  RTLD_DL_LINKMAP) != 0;
    return is_known && library != nullptr ? dynamic_names(*static_cast<const link_map*>(library))
                                          : std::set<std::string>();
  }();
  return names;
}

/// Libraries with versions are kept, because a loader may expect those that the table of versions
/// names among the needed ones. They are the system's own and need few others.
FileDescriptor copy_without(const std::set<std::string>& names, const SealedFile& file,
                            const ElfImage& image, const std::filesystem::path& path) {
  FileDescriptor copy = copy_to_memory(file.bytes(), path);
  for (const NeededLibrary& needed : image.needed()) {
    if (needed.has_versions || !names.contains(needed.name)) continue;
    // An entry begins with its tag.
    const auto at = static_cast<off_t>(needed.entry);
    const auto written = uninterrupted(
        [&] { return pwrite(copy.get(), &kWithoutMeaning, sizeof kWithoutMeaning, at); });
    if (written != static_cast<ssize_t>(sizeof kWithoutMeaning))
      refuse_plugin(PluginFault::not_loadable, path,
                    "its copy in memory cannot be written: " + errno_text(errno));
  }
  return copy;
}

}  // namespace lensbench
