#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstring>
#include <span>

namespace lensbench::hdf5 {

/// Callbacks with which libhdf5's core driver keeps one file in `memory`, which must outlive the
/// file and frees itself. \tparam Memory  type with `void* resize(std::size_t bytes)`, which
/// returns null on failure
template <class Memory>
H5FD_file_image_callbacks_t image_callbacks(Memory& memory) {
  H5FD_file_image_callbacks_t calls{};
  calls.image_malloc = [](std::size_t bytes, H5FD_file_image_op_t, void* self) {
    return static_cast<Memory*>(self)->resize(bytes);
  };
  calls.image_memcpy = [](void* to, const void* from, std::size_t bytes, H5FD_file_image_op_t,
                          void*) { return std::memcpy(to, from, bytes); };
  calls.image_realloc = [](void*, std::size_t bytes, H5FD_file_image_op_t, void* self) {
    return static_cast<Memory*>(self)->resize(bytes);
  };
  calls.image_free = [](void*, H5FD_file_image_op_t, void*) -> herr_t { return 0; };
  calls.udata_copy = [](void* self) { return self; };
  calls.udata_free = [](void*) -> herr_t { return 0; };
  calls.udata = &memory;
  return calls;
}

/// Callbacks with which the core driver reads a file in memory without a copy; the bytes must
/// outlive the file. H5LTopen_file_image does that too, but leaks some memory per file.
inline H5FD_file_image_callbacks_t borrowed_image(std::span<std::byte> bytes) {
  H5FD_file_image_callbacks_t calls{};
  calls.image_malloc = [](std::size_t, H5FD_file_image_op_t, void* first) { return first; };
  calls.image_memcpy = [](void* to, const void*, std::size_t, H5FD_file_image_op_t, void*) {
    return to;  // source and destination are the same memory
  };
  calls.image_realloc = [](void*, std::size_t, H5FD_file_image_op_t, void*) -> void* {
    return nullptr;  // the file is read-only
  };
  calls.image_free = [](void*, H5FD_file_image_op_t, void*) -> herr_t { return 0; };
  calls.udata_copy = [](void* first) { return first; };
  calls.udata_free = [](void*) -> herr_t { return 0; };
  calls.udata = bytes.data();
  return calls;
}

}  // namespace lensbench::hdf5
