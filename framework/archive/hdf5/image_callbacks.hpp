#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstring>

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

}  // namespace lensbench::hdf5
