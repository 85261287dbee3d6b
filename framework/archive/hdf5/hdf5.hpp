#pragma once

#include <hdf5.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <lensbench/export.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// libhdf5 calls that the archive layer shares, with checks of their return codes. Only files of
// this folder include <hdf5.h>.

namespace lensbench::hdf5 {

/// Stops libhdf5 from printing errors, loading filter plug-ins and following external links. It
/// must be called before any other use; further calls are cheap.
void initialise();

/// Returns `result`. \throws RunError "cannot write <what>" if it is negative
hid_t written(hid_t result, const std::string& what);
/// Returns `result`. \throws InputError "<what>: cannot be read" if it is negative
hid_t readable(hid_t result, const std::string& what);

/// Owner of one libhdf5 identifier of any kind.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }

  operator hid_t() const { return id_; }
  /// Closes the identifier. Writers must call this, because libhdf5 may report a write error only
  /// here.
  /// \throws RunError
  void close_written(const std::string& what);

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Creates a group in `parent`, without times and with links in creation order.
Handle create_group(hid_t parent, const std::string& name);
Handle open_group(hid_t parent, const std::string& name);
bool exists(hid_t parent, const std::string& name);

struct Child {
  std::string name;
  bool is_group;
  haddr_t address;  ///< address of the object in its file
};
/// Members of a group, in creation order if the file stores it, else by name.
/// \throws InputError for a soft or external link, or an object that is neither group nor dataset
std::vector<Child> children(hid_t group, const std::string& path);

/// Type of variable-length UTF-8 strings.
Handle string_type();
/// Properties of a transfer of `count` strings. libhdf5 converts strings in two buffers, which it
/// sets to 0: of a megabyte each by default, which takes longer than a few strings.
Handle string_transfer(hsize_t count);

class GrowingFile;

/// Writer of HDF5 files larger than memory. Its memory is a mapped file on disk; it protects from
/// crashes of libhdf5 on a full disk.
class FileWriter {
 public:
  /// \param path  file to create; it is removed unless `finish` is called
  explicit FileWriter(const std::filesystem::path& path);
  ~FileWriter();
  hid_t root() const { return file_; }

  /// Releases the memory of the pages written so far. \throws RunError if the disk is full
  void relieve();
  /// Closes the file, which is complete and synced after the return. \throws RunError
  void finish();

 private:
  std::unique_ptr<GrowingFile> memory_;
  Handle file_;
};

/// Opens a file of the file system, read-only. \throws InputError
Handle open_file(const std::string& path);

}  // namespace lensbench::hdf5
