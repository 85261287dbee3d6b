#include "plugin/elf_image.hpp"

#include <elf.h>
#include <link.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <lensbench/error.hpp>
#include <sstream>

namespace lensbench {
namespace {

static_assert(sizeof(void*) == 8, "plug-ins are read as 64-bit ELF files");

// Relocation types of this architecture that turn a word into a pointer.
#if defined(__x86_64__)
constexpr std::uint32_t kRelative = R_X86_64_RELATIVE, kAbsolute = R_X86_64_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kRelative = R_AARCH64_RELATIVE, kAbsolute = R_AARCH64_ABS64;
#else
#error "add the names of the relocation types of this architecture"
#endif

// ELF machine of this process, from the header of its executable.
Elf64_Half own_machine() {
  Elf64_Ehdr header{};
  std::ifstream("/proc/self/exe", std::ios::binary)
      .read(reinterpret_cast<char*>(&header), sizeof header);
  return header.e_machine;
}

constexpr unsigned char kOwnOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

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
  if (header.e_machine != own_machine())
    damaged("built for another processor architecture (ELF machine " +
            std::to_string(header.e_machine) + ", expected " + std::to_string(own_machine()) + ")" +
            rebuild);
  if (header.e_type != ET_DYN) damaged("an ELF file, but not a shared library");
}

void ElfImage::read_segments() {
  const auto header = record_at<Elf64_Ehdr>(bytes_, 0);
  const std::uint64_t size = bytes_.size();
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
  read_dynamic(bytes_.subspan(dynamic->p_offset, dynamic->p_filesz));
}

void ElfImage::read_dynamic(std::span<const std::byte> section) {
  Table relocations, packed;
  Address hash = 0, gnu_hash = 0;
  std::vector<std::uint64_t> needed, paths;
  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= section.size(); at += sizeof(Elf64_Dyn)) {
    const auto entry = record_at<Elf64_Dyn>(section, at);
    const Address value = entry.d_un.d_val;
    if (entry.d_tag == DT_NULL) break;
    switch (entry.d_tag) {
      case DT_NEEDED:
        needed.push_back(value);
        break;
      case DT_RPATH:
      case DT_RUNPATH:
        paths.push_back(value);
        break;
      case DT_SYMTAB:
        symbols_ = value;
        break;
      case DT_STRTAB:
        strings_ = value;
        break;
      case DT_HASH:
        hash = value;
        break;
      case DT_GNU_HASH:
        gnu_hash = value;
        break;
      case DT_RELA:
        relocations.address = value;
        break;
      case DT_RELASZ:
        relocations.size = value;
        break;
      case 36 /* DT_RELR */:
        packed.address = value;
        break;
      case 35 /* DT_RELRSZ */:
        packed.size = value;
        break;
      default:
        break;
    }
  }
  n_symbols_ = symbol_count(hash, gnu_hash);
  read_relocations(relocations);
  read_packed_relocations(packed);
  for (const auto offset : needed) needed_.push_back(text(strings_ + offset));
  for (const auto offset : paths) {
    std::istringstream list(text(strings_ + offset) + ":");
    for (std::string folder; std::getline(list, folder, ':');) search_path_.push_back(folder);
  }
}

// The symbol table is without a length, so the number of symbols comes from the hash tables:
// DT_HASH has it, DT_GNU_HASH gives it as the end of the last chain.
std::uint64_t ElfImage::symbol_count(Address hash, Address gnu_hash) const {
  if (hash != 0) return value<std::uint32_t>(hash + 4);
  if (gnu_hash == 0) return 0;
  const auto n_buckets = value<std::uint32_t>(gnu_hash);
  const auto first = value<std::uint32_t>(gnu_hash + 4);
  const auto n_bloom = value<std::uint32_t>(gnu_hash + 8);
  const Address buckets = gnu_hash + 16 + std::uint64_t{n_bloom} * 8;
  const Address chains = buckets + std::uint64_t{n_buckets} * 4;
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < n_buckets; ++i)
    last = std::max<std::uint64_t>(last, value<std::uint32_t>(buckets + i * 4));
  if (last < first) return first;
  while ((value<std::uint32_t>(chains + (last - first) * 4) & 1) == 0) ++last;
  return last + 1;
}

void ElfImage::read_relocations(Table table) {
  for (std::uint64_t at = 0; at + sizeof(Elf64_Rela) <= table.size; at += sizeof(Elf64_Rela)) {
    const auto entry = value<Elf64_Rela>(table.address + at);
    const auto type = ELF64_R_TYPE(entry.r_info);
    if (type == kRelative) pointers_[entry.r_offset] = static_cast<Address>(entry.r_addend);
    if (type != kAbsolute) continue;
    const auto symbol = value<Elf64_Sym>(symbols_ + ELF64_R_SYM(entry.r_info) * sizeof(Elf64_Sym));
    if (symbol.st_shndx != SHN_UNDEF)
      pointers_[entry.r_offset] = symbol.st_value + static_cast<Address>(entry.r_addend);
  }
}

// RELR format: an even word is the address of a pointer; an odd word is a bitmap of which of the
// next 63 words are pointers. The values of the pointers are stored in the words themselves.
void ElfImage::read_packed_relocations(Table table) {
  Address next = 0;
  const auto note = [&](Address where) { pointers_[where] = value<Address>(where); };
  for (std::uint64_t at = 0; at + 8 <= table.size; at += 8) {
    const auto word = value<std::uint64_t>(table.address + at);
    if ((word & 1) == 0) {
      note(word);
      next = word + 8;
      continue;
    }
    for (unsigned bit = 0; bit < 63; ++bit)
      if (((word >> (bit + 1)) & 1) != 0) note(next + bit * 8);
    next += 63 * 8;
  }
}

void ElfImage::copy(Address address, std::span<std::byte> into) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address) continue;
    const std::uint64_t offset = address - segment.address;
    if (offset > segment.size || into.size() > segment.size - offset) continue;
    std::memcpy(into.data(), bytes_.data() + segment.offset + offset, into.size());
    return;
  }
  damaged("damaged: it refers to address " + std::to_string(address) +
          ", which is outside the file's data; build it again");
}

std::optional<ElfImage::Address> ElfImage::symbol(std::string_view name) const {
  for (std::uint64_t i = 1; i < n_symbols_; ++i) {
    const auto symbol = value<Elf64_Sym>(symbols_ + i * sizeof(Elf64_Sym));
    if (symbol.st_shndx != SHN_UNDEF && text(strings_ + symbol.st_name) == name)
      return symbol.st_value;
  }
  return std::nullopt;
}

ElfImage::Address ElfImage::pointer(Address address) const {
  const auto found = pointers_.find(address);
  if (found != pointers_.end()) return found->second;
  if (value<Address>(address) != 0)
    damaged("its descriptor has a pointer to outside of the library; it must be constant data");
  return 0;
}

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
