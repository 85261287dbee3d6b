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
  if (shape.size() > 1) text.resize(text.size() - 2);
  text += "), }";
  constexpr std::size_t kPreamble = 10, kAlignment = 64;
  text.append(kAlignment - 1 - (kPreamble + text.size()) % kAlignment, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

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

std::string npy_of(const Variable& variable) {
  if (variable.is_text()) return npy_of_texts(variable);
  const at::Tensor values = variable.tensor.contiguous();
  std::string bytes = npy_header(type_string(values), variable.shape());
  bytes.append(static_cast<const char*>(values.data_ptr()), values.nbytes());
  return bytes;
}

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

}  // namespace

void write_npz(const std::filesystem::path& path, const std::vector<Variable>& variables) {
  const auto fail = [&](const std::string& why) {
    throw RunError(path.string() + ": cannot be written: " + why);
  };
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
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  if (zip_close(archive.get()) != 0) fail(zip_strerror(archive.get()));
  archive.release();
}

}  // namespace lensbench
