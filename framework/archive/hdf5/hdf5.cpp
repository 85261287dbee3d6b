#include "archive/hdf5/hdf5.hpp"

#include <algorithm>
#include <filesystem>
#include <lensbench/error.hpp>
#include <mutex>

#include "archive/hdf5/growing_file.hpp"
#include "archive/hdf5/image_callbacks.hpp"

// Calls of libhdf5 that all readers and writers of archives share. All settings that make files
// equal in every bit for equal content (format version, times, order of links) and harmless to read
// (filters, links, storage of attributes) are made here and nowhere else.

namespace lensbench::hdf5 {
namespace {

/// Innermost message of libhdf5's error stack.
std::string reason() {
  std::string text;
  // The walk goes from the called function to the innermost one, so the last description is kept.
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_DOWNWARD,
      [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
        if (error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
        return 0;
      },
      &text);
  return text.empty() ? "" : " (HDF5: " + text + ")";
}

/// File access properties. The version bounds V18 give files that every HDF5 since 1.8 reads, with
/// equal bytes for equal content.
Handle access_properties() {
  Handle access(written(H5Pcreate(H5P_FILE_ACCESS), "file properties"), H5Pclose);
  written(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18), "file version bounds");
  return access;
}

/// Links in creation order, without times, which would give equal content different bytes.
void set_group_properties(hid_t properties) {
  written(H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
          "link order");
  written(H5Pset_obj_track_times(properties, false), "object times");
  // Links and attributes are stored compactly, because libhdf5 crashes on damage in the dense form.
  written(H5Pset_link_phase_change(properties, 60000, 0), "link storage");
  written(H5Pset_attr_phase_change(properties, 60000, 0), "attribute storage");
}

/// Creates a file of the core driver, whose bytes are in `memory`.
/// \param growth  step of its size: libhdf5 sets new bytes to 0, so a large step costs a small file
///   more time than its content
template <class Memory>
Handle create_in_memory(Memory& memory, std::size_t growth) {
  const Handle access = access_properties();
  H5FD_file_image_callbacks_t callbacks = image_callbacks(memory);
  written(H5Pset_file_image_callbacks(access, &callbacks), "memory file properties");
  written(H5Pset_fapl_core(access, growth, false), "memory file properties");
  // The root group gets its properties from the file, as the other groups get theirs in
  // `create_group`.
  const Handle creation(written(H5Pcreate(H5P_FILE_CREATE), "file properties"), H5Pclose);
  set_group_properties(creation);
  // The name is only a label: without a backing store, the core driver does not create a file.
  return Handle(written(H5Fcreate("lensbench.h5", H5F_ACC_TRUNC, creation, access), "memory file"),
                H5Fclose);
}

}  // namespace

/// Errors become exceptions with the text of the error stack, so libhdf5 does not print them.
/// Plug-ins for filters would be code that a file chooses, and external links would read other
/// files of the user.
void initialise() {
  static std::once_flag once;
  std::call_once(once, [] {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
    H5Lunregister(H5L_TYPE_EXTERNAL);
  });
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // each thread has its own error stack
}

/// Check of a call that writes: its failure is a fault of the disk or of this program.
hid_t written(hid_t result, const std::string& what) {
  if (result < 0) throw RunError("cannot write " + what + reason());
  return result;
}

/// Check of a call that reads: its failure is a fault of the file.
hid_t readable(hid_t result, const std::string& what) {
  if (result < 0) throw InputError(what + ": cannot be read" + reason());
  return result;
}

/// The identifier is released before the result is checked, because a failed close must not be
/// repeated.
void Handle::close_written(const std::string& what) {
  if (id_ >= 0) written(close_(std::exchange(id_, -1)), what);
}

Handle create_group(hid_t parent, const std::string& name) {
  const Handle properties(written(H5Pcreate(H5P_GROUP_CREATE), "group properties"), H5Pclose);
  set_group_properties(properties);
  return Handle(written(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT),
                        "group '" + name + "'"),
                H5Gclose);
}

Handle open_group(hid_t parent, const std::string& name) {
  return Handle(readable(H5Gopen2(parent, name.c_str(), H5P_DEFAULT), "group '" + name + "'"),
                H5Gclose);
}

bool exists(hid_t parent, const std::string& name) {
  return H5Lexists(parent, name.c_str(), H5P_DEFAULT) > 0;
}

/// Members with their addresses. Links are collected first and examined afterwards, since the
/// callback of the iteration must not throw through libhdf5.
std::vector<Child> children(hid_t group, const std::string& path) {
  struct Found {
    std::vector<std::string> names;
    bool foreign_link = false;
  } found;
  const auto collect = [](hid_t, const char* name, const H5L_info_t* link, void* out) -> herr_t {
    auto& to = *static_cast<Found*>(out);
    to.names.emplace_back(name);
    to.foreign_link |= link->type != H5L_TYPE_HARD;
    return 0;
  };
  const Handle itself = open_group(group, ".");  // `group` may be a file, which means its root
  // Files of this version store the order of creation; others are read by name.
  const Handle properties(readable(H5Gget_create_plist(itself), path), H5Pclose);
  unsigned order = 0;
  readable(H5Pget_link_creation_order(properties, &order), path);
  const auto index = (order & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  readable(H5Literate(group, index, H5_ITER_INC, nullptr, collect, &found), path);
  if (found.foreign_link)
    throw InputError(path + ": soft and external links are not allowed in a lensbench archive");
  std::vector<Child> result;
  for (const std::string& name : found.names) {
    // Only the basic facts are asked for: sizes of headers and indexes would have to be read from
    // the file.
    H5O_info_t info;
    readable(H5Oget_info_by_name2(group, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT),
             path + "/" + name);
    if (info.type != H5O_TYPE_GROUP && info.type != H5O_TYPE_DATASET)
      throw InputError(path + "/" + name + ": is neither a group nor a dataset");
    result.push_back({name, info.type == H5O_TYPE_GROUP, info.addr});
  }
  return result;
}

/// Text of variable length, since a fixed length would pad or cut what tools save.
Handle string_type() {
  Handle type(written(H5Tcopy(H5T_C_S1), "string type"), H5Tclose);
  written(H5Tset_size(type, H5T_VARIABLE), "string type");
  written(H5Tset_cset(type, H5T_CSET_UTF8), "string type");
  return type;
}

Handle string_transfer(hsize_t count) {
  constexpr hsize_t kMostBytes = 1 << 20, kStoredBytes = 16;  // length, heap and index of a string
  const hsize_t strings = std::clamp<hsize_t>(count, 1, kMostBytes / kStoredBytes);
  Handle properties(written(H5Pcreate(H5P_DATASET_XFER), "transfer properties"), H5Pclose);
  written(
      H5Pset_buffer(properties, static_cast<std::size_t>(strings * kStoredBytes), nullptr, nullptr),
      "transfer properties");
  return properties;
}

FileWriter::FileWriter(const std::filesystem::path& path)
    : memory_(std::make_unique<GrowingFile>(path)) {
  initialise();
  file_ = create_in_memory(*memory_, std::size_t{1} << 20);
}

FileWriter::~FileWriter() = default;

/// The check comes first, so that a full disk ends the seal early.
void FileWriter::relieve() {
  memory_->check();
  memory_->relieve();
}

void FileWriter::finish() {
  // All data must be in the memory before its size is asked for and the file is closed.
  written(H5Fflush(file_, H5F_SCOPE_GLOBAL), "archive file");
  // Size of the content; the driver's memory is larger.
  const auto size = written(H5Fget_file_image(file_, nullptr, 0), "archive file");
  file_.close_written("archive file");
  memory_->finish(static_cast<std::size_t>(size));
}

/// The kind of file is checked first: opening a named pipe would wait for a writer for ever.
Handle open_file(const std::string& path) {
  initialise();
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw InputError(path + ": file not found; expected an archive (.h5)");
  return Handle(readable(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), path), H5Fclose);
}

}  // namespace lensbench::hdf5
