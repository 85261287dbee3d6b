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

/// A shared library read as a file: its symbols and its constant data, before any of its code could
/// run. Every offset in it is checked against the bytes there are.
class ElfImage {
 public:
  /// \param bytes  outlive the image
  /// \throws PluginError(not_loadable) if they are no whole shared library of this machine's kind;
  /// a
  ///   truncated one would end a process that loads it with SIGBUS
  ElfImage(std::span<const std::byte> bytes, const std::filesystem::path& path);

  using Address = std::uint64_t;

  /// Where a symbol lies that the library exports; nothing if it exports none of that name.
  std::optional<Address> symbol(std::string_view name) const;

  /// A plain value. \throws PluginError(malformed) if the address is outside the file's data
  template <class Value>
  Value value(Address address) const {
    Value result{};
    copy(address, std::as_writable_bytes(std::span(&result, 1)));
    return result;
  }
  /// A pointer as it will be once the library is loaded at address 0; 0 for null.
  Address pointer(Address address) const;
  /// A string that ends with NUL.
  std::string text(Address address) const;

  /// Names of the libraries it needs, and the folders it says to look for them in.
  const std::vector<std::string>& needed() const { return needed_; }
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
