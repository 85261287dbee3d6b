#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// A library that another one needs (DT_NEEDED).
struct NeededLibrary {
  std::string name;
  std::uint64_t entry;  ///< offset in the file of the entry that names it
  bool has_versions;    ///< whether the other one needs versions of its symbols (DT_VERNEED)
};

/// A shared library read as a file: its sections and the libraries that it needs, without running
/// its code. Every offset in the file is checked against its size.
class ElfImage {
 public:
  /// \param bytes  bytes of the file, which must outlive the image
  /// \param path   path of the file, for messages
  /// \throws PluginError(not_loadable) unless the bytes are a complete shared library for this
  ///   machine; loading a truncated one would end the process with SIGBUS
  ElfImage(std::span<const std::byte> bytes, const std::filesystem::path& path);

  /// Bytes of a section by name; empty if the library does not have it.
  std::optional<std::string_view> section(std::string_view name) const;
  /// Whether the file contains a text anywhere.
  bool contains(std::string_view text) const;

  const std::vector<NeededLibrary>& needed() const { return needed_; }
  /// Folders in which the loader searches for needed libraries (DT_RPATH, DT_RUNPATH).
  const std::vector<std::string>& search_path() const { return search_path_; }

 private:
  using Address = std::uint64_t;
  struct Segment {
    Address address;
    std::uint64_t offset, size;
  };

  [[noreturn]] void damaged(const std::string& why) const;
  void read_header();
  void read_segments();
  void read_dynamic(std::uint64_t begin, std::uint64_t end);
  std::set<std::string> versioned(Address table, Address strings, std::size_t most) const;
  std::string_view bytes_at(std::uint64_t offset, std::uint64_t size) const;
  std::uint64_t offset_of(Address address, std::uint64_t size) const;
  std::string text(Address address) const;

  std::span<const std::byte> bytes_;
  std::filesystem::path path_;
  std::vector<Segment> segments_;
  std::vector<NeededLibrary> needed_;
  std::vector<std::string> search_path_;
};

}  // namespace lensbench
