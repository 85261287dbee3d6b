#include "plugin/elf_image.hpp"

#include <elf.h>
#include <link.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <lensbench/error.hpp>
#include <sstream>
#include <utility>

// Reader of ELF files (System V ABI, chapters 4 and 5) without the loader. It finds the description
// and the needed libraries before any code runs, and refuses what would end the process in the
// loader: a truncated file is mapped and read beyond its end.

namespace lensbench {
namespace {

static_assert(sizeof(void*) == 8, "plug-ins are read as 64-bit ELF files");

// ELF machine of this process, from the header of its executable.
Elf64_Half own_machine() {
  Elf64_Ehdr header{};
  std::ifstream("/proc/self/exe", std::ios::binary)
      .read(reinterpret_cast<char*>(&header), sizeof header);
  return header.e_machine;
}

constexpr unsigned char kOwnOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

/// A record at an offset that was checked; the bytes need not be aligned.
template <class Record>
Record record_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  Record record{};
  std::memcpy(&record, bytes.data() + offset, sizeof record);
  return record;
}

}  // namespace

ElfImage::ElfImage(std::span<const std::byte> bytes, const std::filesystem::path& path)
    : bytes_(bytes), path_(path) {
  read_header();
  read_segments();
}

void ElfImage::damaged(const std::string& why) const {
  throw PluginError(PluginFault::not_loadable, "plug-in '" + path_.string() + "': " + why);
}

/// The order of the checks is that of the fields, so that each message names the first thing that
/// is wrong.
void ElfImage::read_header() {
  if (bytes_.size() < EI_NIDENT || std::memcmp(bytes_.data(), ELFMAG, SELFMAG) != 0)
    damaged("not a shared library (no ELF header); give a file that lensbench_add_tool built");
  const auto* ident = reinterpret_cast<const unsigned char*>(bytes_.data());
  const std::string rebuild = "; build it for this machine";
  if (ident[EI_CLASS] != ELFCLASS64)
    damaged("built for another processor architecture (32 bits)" + rebuild);
  if (ident[EI_DATA] != kOwnOrder)
    damaged("built for another processor architecture (the other byte order)" + rebuild);
  if (bytes_.size() < sizeof(Elf64_Ehdr))
    damaged("truncated: " + std::to_string(bytes_.size()) +
            " bytes, less than an ELF header; copy or build it again");
  const auto header = record_at<Elf64_Ehdr>(bytes_, 0);
  // Compared with this process, since one processor may run libraries of several kinds.
  if (header.e_machine != own_machine())
    damaged("built for another processor architecture (ELF machine " +
            std::to_string(header.e_machine) + ", expected " + std::to_string(own_machine()) + ")" +
            rebuild);
  if (header.e_type != ET_DYN) damaged("an ELF file, but not a shared library");
}

/// Segments are what the loader maps, so all of them must be within the file.
void ElfImage::read_segments() {
  const auto header = record_at<Elf64_Ehdr>(bytes_, 0);
  const std::uint64_t size = bytes_.size();
  // Differences in place of sums, which could overflow.
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > size ||
      header.e_phnum * sizeof(Elf64_Phdr) > size - header.e_phoff)
    damaged(
        "truncated: its program headers are beyond the end of the file; copy or build it again");
  std::optional<Elf64_Phdr> dynamic;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment = record_at<Elf64_Phdr>(bytes_, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type != PT_LOAD && segment.p_type != PT_DYNAMIC) continue;
    if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
      damaged("truncated: " + std::to_string(size) + " bytes, but a segment ends at byte " +
              std::to_string(segment.p_offset + segment.p_filesz) + "; copy or build it again");
    if (segment.p_type == PT_DYNAMIC)
      dynamic = segment;
    else
      segments_.push_back({segment.p_vaddr, segment.p_offset, segment.p_filesz});
  }
  if (!dynamic) damaged("an ELF file without a dynamic section, so not a shared library");
  read_dynamic(dynamic->p_offset, dynamic->p_offset + dynamic->p_filesz);
}

/// Needed libraries and search paths. Their texts are offsets into a table whose address may follow
/// them, so they are read after all entries.
void ElfImage::read_dynamic(std::uint64_t begin, std::uint64_t end) {
  Address strings = 0, versions = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> needed;  // offsets of entry and of text
  std::vector<std::uint64_t> paths;
  for (std::uint64_t at = begin; at + sizeof(Elf64_Dyn) <= end; at += sizeof(Elf64_Dyn)) {
    const auto entry = record_at<Elf64_Dyn>(bytes_, at);
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_NEEDED) needed.emplace_back(at, entry.d_un.d_val);
    if (entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH) paths.push_back(entry.d_un.d_val);
    if (entry.d_tag == DT_STRTAB) strings = entry.d_un.d_val;
    if (entry.d_tag == DT_VERNEED) versions = entry.d_un.d_val;
  }
  const auto with_versions = versioned(versions, strings, needed.size());
  for (const auto& [entry, offset] : needed) {
    const std::string name = text(strings + offset);
    needed_.push_back({name, entry, with_versions.contains(name)});
  }
  for (const auto offset : paths) {
    // A colon at the end makes an empty last element visible, which means the current directory.
    std::istringstream list(text(strings + offset) + ":");
    for (std::string folder; std::getline(list, folder, ':');) search_path_.push_back(folder);
  }
}

/// Names of the libraries of whose symbols versions are needed: a list of records, each with the
/// distance to the next one, at most one for each of the needed libraries.
std::set<std::string> ElfImage::versioned(Address table, Address strings, std::size_t most) const {
  std::set<std::string> names;
  if (table == 0) return names;
  for (std::size_t i = 0; i < most; ++i) {
    const auto record = record_at<Elf64_Verneed>(bytes_, offset_of(table, sizeof(Elf64_Verneed)));
    names.insert(text(strings + record.vn_file));
    if (record.vn_next == 0) break;
    table += record.vn_next;
  }
  return names;
}

/// Bytes of the file, which must be within it.
std::string_view ElfImage::bytes_at(std::uint64_t offset, std::uint64_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset)
    damaged("truncated: a section ends beyond the end of the file; copy or build it again");
  return {reinterpret_cast<const char*>(bytes_.data()) + offset, size};
}

/// Section by name, from the table of sections. A library without that table has none.
std::optional<std::string_view> ElfImage::section(std::string_view name) const {
  const auto header = record_at<Elf64_Ehdr>(bytes_, 0);
  if (header.e_shnum == 0 || header.e_shentsize != sizeof(Elf64_Shdr)) return std::nullopt;
  bytes_at(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
  const auto section = [&](unsigned index) {
    return record_at<Elf64_Shdr>(bytes_, header.e_shoff + index * sizeof(Elf64_Shdr));
  };
  if (header.e_shstrndx >= header.e_shnum) damaged("damaged: its sections are without names");
  const auto table = section(header.e_shstrndx);
  const std::string_view names = bytes_at(table.sh_offset, table.sh_size);
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const auto found = section(i);
    if (found.sh_type != SHT_PROGBITS || found.sh_name >= names.size()) continue;
    const std::string_view own = names.substr(found.sh_name);
    if (own.substr(0, own.find('\0')) == name) return bytes_at(found.sh_offset, found.sh_size);
  }
  return std::nullopt;
}

/// For the symbol of API 1, whose libraries do not have a section.
bool ElfImage::contains(std::string_view text) const {
  return bytes_at(0, bytes_.size()).find(text) != std::string_view::npos;
}

/// Offset in the file of bytes at an address of memory, which must be within one segment.
std::uint64_t ElfImage::offset_of(Address address, std::uint64_t size) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.size) continue;
    const std::uint64_t within = address - segment.address;
    if (size <= segment.size - within) return segment.offset + within;
  }
  damaged("damaged: a table in it is outside the file's data; build it again");
}

/// Text at an address of memory, found through the segment that contains it. It must end within
/// that segment.
std::string ElfImage::text(Address address) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.size) continue;
    const auto* begin =
        reinterpret_cast<const char*>(bytes_.data()) + segment.offset + (address - segment.address);
    const std::size_t most = segment.size - (address - segment.address);
    const std::size_t length = strnlen(begin, most);
    if (length < most) return {begin, length};
  }
  damaged("damaged: a text in it is outside the file's data; build it again");
}

}  // namespace lensbench
