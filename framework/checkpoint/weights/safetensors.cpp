#include "checkpoint/weights/safetensors.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <lensbench/error.hpp>

#include "core/text/printable.hpp"

// Tensors of one safetensors file. The header was checked when the file was opened: every tensor is
// within the file and its size agrees with its type and shape.

namespace lensbench {

namespace {

/// \throws InputError for a tensor that is missing
const SafetensorsEntry& stored_entry(const SafetensorsHeader& header,
                                     const std::filesystem::path& file, std::string_view name) {
  const auto found = header.tensors.find(name);
  if (found == header.tensors.end())
    throw InputError(file.string() + ": tensor '" + printable(name) + "' is missing");
  return found->second;
}

[[noreturn]] void refuse_type(const SafetensorsEntry& entry, const std::filesystem::path& file,
                              std::string_view name) {
  throw InputError(file.string() + ": tensor '" + printable(name) + "': its element type " +
                   std::string(safetensors_dtype(entry)) +
                   " is not supported; convert the tensor to F32, F16 or BF16");
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(std::make_shared<MappedFile>(path)),
      header_(parse_safetensors_header(file_->bytes(), path.string())) {}

at::Tensor SafetensorsFile::tensor(std::string_view name) const {
  const SafetensorsEntry& entry = stored_entry(header_, path(), name);
  if (!entry.unreadable_type.empty()) refuse_type(entry, path(), name);
  return view(entry, entry.dtype);
}

at::Tensor SafetensorsFile::bytes(std::string_view name) const {
  const SafetensorsEntry& entry = stored_entry(header_, path(), name);
  if (bits_of_unreadable_type(entry.unreadable_type) != 8) refuse_type(entry, path(), name);
  return view(entry, at::kByte);
}

/// \param type  of the size that the elements of the entry have
at::Tensor SafetensorsFile::view(const SafetensorsEntry& entry, at::ScalarType type) const {
  // Before the bytes are used: a read beyond the end of a truncated file would kill the process.
  file_->require_unchanged();
  const auto options = at::TensorOptions().dtype(type);
  const char* data = file_->bytes().data() + header_.data_begin + entry.begin;
  const auto bytes = entry.end - entry.begin;
  // A tensor without elements does not need memory of the file.
  if (bytes == 0) return at::empty(entry.shape, options);
  // The format does not require alignment, and tensors do.
  if (reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(type) != 0) {
    at::Tensor copy = at::empty(entry.shape, options);
    std::memcpy(copy.data_ptr(), data, bytes);
    return copy;
  }
  // The deleter keeps the mapping for as long as any tensor uses it.
  return at::from_blob(
      const_cast<char*>(data), entry.shape, [keep = file_](void*) {}, options);
}

}  // namespace lensbench
