#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// A shared library read as a file: symbols and constant data, without running its code. Every
/// offset in the file is checked against its size.
class ElfImage {
 public:
  /// \param bytes  bytes of the file, which must outlive the image
  /// \param path   path of the file, for messages
  /// \throws PluginError(not_loadable) unless the bytes are a complete shared library for this
  ///   machine; loading a truncated one would end the process with SIGBUS
  ElfImage(std::span<const std::byte> bytes, const std::filesystem::path& path);

  using Address = std::uint64_t;

  /// Address of an exported symbol; empty if the library does not export it.
  std::optional<Address> symbol(std::string_view name) const;

  /// Value at an address. \throws PluginError(not_loadable) if it is outside the file's data
  template <class Value>
  Value value(Address address) const {
    Value result{};
    copy(address, std::as_writable_bytes(std::span(&result, 1)));
    return result;
  }
  /// Pointer at an address, with the value that it has in a library loaded at address 0; 0 for
  /// null.
  Address pointer(Address address) const;
  /// NUL-terminated string at an address.
  std::string text(Address address) const;

  /// Names of the libraries that it needs (DT_NEEDED).
  const std::vector<std::string>& needed() const { return needed_; }
  /// Folders in which the loader searches for them (DT_RPATH, DT_RUNPATH).
  const std::vector<std::string>& search_path() const { return search_path_; }

 private:
  struct Segment {
    Address address;
    std::uint64_t offset, size;
  };
  struct Table {
    Address address = 0;
    std::uint64_t size = 0;
  };

  [[noreturn]] void damaged(const std::string& why) const;
  void copy(Address address, std::span<std::byte> into) const;
  void read_header();
  void read_segments();
  void read_dynamic(std::span<const std::byte> section);
  void read_relocations(Table table);
  void read_packed_relocations(Table table);
  std::uint64_t symbol_count(Address hash, Address gnu_hash) const;

  std::span<const std::byte> bytes_;
  std::filesystem::path path_;
  std::vector<Segment> segments_;
  std::map<Address, Address> pointers_;
  Address symbols_ = 0, strings_ = 0;
  std::uint64_t n_symbols_ = 0;
  std::vector<std::string> needed_, search_path_;
};

}  // namespace lensbench
