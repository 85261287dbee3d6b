#include "report/export/npz.hpp"

#include <ATen/core/Tensor.h>
#include <zip.h>

#include <algorithm>
#include <cstring>
#include <lensbench/error.hpp>
#include <memory>
#include <string>

#include "core/text/utf8.hpp"

namespace lensbench {
namespace {

/// Type string of the `.npy` format (numpy.lib.format, version 1.0), little-endian.
std::string type_string(const at::Tensor& values) {
  switch (values.scalar_type()) {
    case at::kDouble:
      return "<f8";
    case at::kFloat:
      return "<f4";
    case at::kLong:
      return "<i8";
    case at::kInt:
      return "<i4";
    case at::kChar:
      return "|i1";
    case at::kByte:
      return "|u1";
    default:
      return "|b1";
  }
}

/// Start of an `.npy` file: magic string, version and header, padded to a multiple of 64 bytes.
std::string npy_header(const std::string& type, const std::vector<std::int64_t>& shape) {
  std::string text = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t length : shape) text += std::to_string(length) + ", ";
  // Python needs the comma of a tuple with one element; with more, the last separator is removed.
  if (shape.size() > 1) text.resize(text.size() - 2);
  text += "), }";
  // The preamble is the magic string, two version bytes and a length of two bytes. numpy.lib.format
  // pads the header with spaces and a newline, so that the data begins at a multiple of 64.
  constexpr std::size_t kPreamble = 10, kAlignment = 64;
  text.append(kAlignment - 1 - (kPreamble + text.size()) % kAlignment, ' ');
  text += '\n';
  // The length is explicit, because the version bytes contain a zero.
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

/// NumPy stores texts as UCS-4 of one width, padded with zeros. The width is at least 1, since
/// `<U0` would be an itemsize of zero.
std::string npy_of_texts(const Variable& variable) {
  std::vector<std::u32string> texts;
  std::size_t longest = 1;
  for (const std::string& text : variable.strings) {
    texts.push_back(code_points(text));
    longest = std::max(longest, texts.back().size());
  }
  std::string bytes = npy_header("<U" + std::to_string(longest), variable.shape());
  for (std::u32string& text : texts) {
    text.resize(longest, U'\0');
    bytes.append(reinterpret_cast<const char*>(text.data()), longest * sizeof(char32_t));
  }
  return bytes;
}

/// Bytes of a whole `.npy` file: header and the values in C order, little-endian like the machines
/// for which this program is built.
std::string npy_of(const Variable& variable) {
  if (variable.is_text()) return npy_of_texts(variable);
  const at::Tensor values = variable.tensor.contiguous();
  std::string bytes = npy_header(type_string(values), variable.shape());
  bytes.append(static_cast<const char*>(values.data_ptr()), values.nbytes());
  return bytes;
}

/// Closes an archive without writing it, for an exception before `zip_close`.
struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

}  // namespace

void write_npz(const std::filesystem::path& path, const std::vector<Variable>& variables) {
  const auto fail = [&](const std::string& why) {
    throw RunError(path.string() + ": cannot be written: " + why);
  };
  // ZIP_EXCL makes an existing file an error instead of adding members to it.
  int fault = 0;
  std::unique_ptr<zip_t, Discard> archive(zip_open(path.c_str(), ZIP_CREATE | ZIP_EXCL, &fault));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, fault);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(why);
  }
  std::vector<std::string> members;  // must exist until zip_close, which reads them
  for (const Variable& variable : variables) members.push_back(npy_of(variable));
  for (std::size_t i = 0; i < variables.size(); ++i) {
    // The flag 0 leaves the memory with `members`; libzip frees a source only once it was added.
    zip_source_t* source =
        zip_source_buffer(archive.get(), members[i].data(), members[i].size(), 0);
    const zip_int64_t index =
        source ? zip_file_add(archive.get(), (variables[i].name + ".npy").c_str(), source,
                              ZIP_FL_ENC_UTF_8)
               : -1;
    if (index < 0) {
      zip_source_free(source);
      fail(zip_strerror(archive.get()));
    }
    // Stored without compression, as `numpy.savez` does.
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  if (zip_close(archive.get()) != 0) fail(zip_strerror(archive.get()));
  // After `zip_close` succeeded, the handle is invalid and must not be discarded.
  archive.release();
}

}  // namespace lensbench
