#include "bench/elf_check.hpp"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <fstream>
#include <lensbench/error.hpp>

namespace lensbench {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw PluginError(PluginFault::not_loadable, "plug-in '" + path.string() + "': " + why);
}

// The machine this code runs on, from the header of the program itself.
ElfW(Half) own_machine() {
  ElfW(Ehdr) header{};
  std::ifstream("/proc/self/exe", std::ios::binary)
      .read(reinterpret_cast<char*>(&header), sizeof header);
  return header.e_machine;
}

}  // namespace

void check_shared_library(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    throw PluginError(PluginFault::not_found, "plug-in '" + path.string() + "': no such file");
  if (!std::filesystem::is_regular_file(path, error)) refuse(path, "not a regular file");
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  ElfW(Ehdr) header{};
  if (error || !file.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    refuse(path, "not a shared library (no ELF header)");
  if (header.e_ident[EI_CLASS] != (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32) ||
      header.e_machine != own_machine())
    refuse(path, "built for another processor architecture");
  if (header.e_type != ET_DYN) refuse(path, "an ELF file, but not a shared library");
  if (header.e_phentsize != sizeof(ElfW(Phdr)) || header.e_phoff > size ||
      header.e_phnum * sizeof(ElfW(Phdr)) > size - header.e_phoff)
    refuse(path, "truncated: its program headers lie beyond the end of the file");
  file.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment{};
    file.read(reinterpret_cast<char*>(&segment), sizeof segment);
    if (!file) refuse(path, "cannot be read");
    if (segment.p_type == PT_LOAD &&
        (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
      refuse(path, "truncated: " + std::to_string(size) + " bytes, but a segment ends at byte " +
                       std::to_string(segment.p_offset + segment.p_filesz));
  }
}

}  // namespace lensbench
