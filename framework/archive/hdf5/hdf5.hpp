#pragma once

#include <hdf5.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <lensbench/export.hpp>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The few libhdf5 calls the archive layer shares, each with its return code checked. Nothing
// outside this folder includes <hdf5.h>.

namespace lensbench::hdf5 {

/// Silences libhdf5's own printing, forbids it to load filter plug-ins or to follow external links.
/// Called before any other use; cheap when done already.
void initialise();

/// \throws RunError "cannot write <what>" if `result` is negative, else returns it
hid_t written(hid_t result, const std::string& what);
/// \throws InputError "<what>: cannot be read" if `result` is negative, else returns it
hid_t readable(hid_t result, const std::string& what);

/// Owns one libhdf5 identifier, of any kind.
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
  /// Closes now. A write error of libhdf5 may show only here, so writers always call this.
  /// \throws RunError
  void close_written(const std::string& what);

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// A new group below `parent`, without times and with links in creation order.
Handle create_group(hid_t parent, const std::string& name);
Handle open_group(hid_t parent, const std::string& name);
bool exists(hid_t parent, const std::string& name);

struct Child {
  std::string name;
  bool is_group;
  haddr_t address;  ///< of the object in its file
};
/// Hard links of a group, in creation order where it is kept, else by name.
/// \throws InputError for a soft or external link, or an object that is neither group nor dataset
std::vector<Child> children(hid_t group, const std::string& path);

/// Variable-length UTF-8.
Handle string_type();

class GrowingMemory;

/// An HDF5 file that exists in memory only.
class ImageWriter {
 public:
  ImageWriter();
  ~ImageWriter();
  hid_t root() const { return file_; }
  /// Gives `use` the file's bytes where they lie; it is closed after this. \throws RunError
  void finish(const std::function<void(std::span<const std::byte>)>& use);

 private:
  std::unique_ptr<GrowingMemory> memory_;
  Handle file_;
};

class GrowingFile;

/// An HDF5 file whose memory is a file of the disk, mapped: as safe as `ImageWriter` from an
/// libhdf5 that crashes on a full disk, for files larger than memory.
class FileWriter {
 public:
  /// \param path  created, removed again unless `finish` is reached
  explicit FileWriter(const std::filesystem::path& path);
  ~FileWriter();
  hid_t root() const { return file_; }

  /// Gives the pages written so far back to the system. \throws RunError if the disk is full
  void relieve();
  /// Closes the file; it is complete and synced when this returns. \throws RunError
  void finish();

 private:
  std::unique_ptr<GrowingFile> memory_;
  Handle file_;
};

/// Opens bytes as a read-only file; `bytes` must outlive the handle. \throws InputError
Handle open_image(std::span<std::byte> bytes, const std::string& name);
/// Opens a file of the file system, read-only. \throws InputError
Handle open_file(const std::string& path);

}  // namespace lensbench::hdf5
